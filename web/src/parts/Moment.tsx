import { clock, date, full } from "../lib/time";
import { now } from "../now";

/** Moment is a point in time: the time of day, with the date where that is not today. */
export function Moment({ at }: { at: string }) {
  const t = new Date(at);
  const today = t.toDateString() === now.value.toDateString();
  return <time dateTime={at} title={full(t)}>{today ? clock(t) : `${date(t, now.value)}, ${clock(t)}`}</time>;
}
