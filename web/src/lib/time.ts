// Times as people say them, in the reader's own zone and language.

const day = 24 * 60 * 60 * 1000;

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dateFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const yearFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

export const clock = (t: Date) => clockFormat.format(t);
export const full = (t: Date) => fullFormat.format(t);

/** date is a day, with its year where that is not this one. */
export const date = (t: Date, now: Date) => (t.getFullYear() === now.getFullYear() ? dateFormat : yearFormat).format(t);

/** when is how long ago for the last hours, and the date for what is older. */
export function when(t: Date, now: Date): string {
  const ago = now.getTime() - t.getTime();
  if (ago < -day) return date(t, now);
  if (ago < 45_000) return "just now";
  if (ago < 60 * 60_000) return `${Math.max(1, Math.round(ago / 60_000))} min ago`;
  if (ago < day / 2) return `${Math.round(ago / (60 * 60_000))} h ago`;
  if (dayOf(t, now) === "Today") return clock(t);
  return `${date(t, now)}, ${clock(t)}`;
}

const midnight = (t: Date) => new Date(t.getFullYear(), t.getMonth(), t.getDate()).getTime();

/** dayOf names the day of a time. */
export function dayOf(t: Date, now: Date): string {
  const days = Math.round((midnight(now) - midnight(t)) / day);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return t.getFullYear() === now.getFullYear() ? dayFormat.format(t) : yearFormat.format(t);
}

/** lasting is a stretch of time in its two largest units. */
export function lasting(ms: number): string {
  const units: [string, number][] = [["d", day], ["h", 60 * 60_000], ["min", 60_000], ["s", 1000]];
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const first = units.findIndex(([, size]) => ms >= size);
  const [name, size] = units[first]!;
  const whole = Math.floor(ms / size);
  const next = units[first + 1];
  const rest = next ? Math.floor((ms % size) / next[1]) : 0;
  return next && rest > 0 && whole < 10 ? `${whole} ${name} ${rest} ${next[0]}` : `${whole} ${name}`;
}
