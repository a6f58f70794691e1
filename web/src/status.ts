// How the pipeline is doing, asked for while an admin has the page open. The API
// keeps a point a minute of the last hour; the page adds what it sees itself.

import { computed, signal } from "@preact/signals";
import { Failure, get } from "./api";

/** Switch is an operator's wish that a stage takes nothing new. */
export interface Switch {
  stage: string;
  paused: boolean;
  who: string;
  reason: string;
  since: string | null;
  until: string | null;
}

/** Notice is something that an operator should know of. */
export interface Notice {
  kind: string;
  text: string;
  from?: string | null;
  to?: string | null;
}

export interface Stage {
  stage: string;
  name: string;
  instance: string;
  host: string;
  pid: number;
  version: string;
  state: string;
  started_at: string | null;
  seen_at: string | null;
  rates: Record<string, number> | null;
  totals: Record<string, number> | null;
  spool?: { events: number; bytes: number; oldest?: string | null } | null;
  last_error: string;
  last_error_at?: string | null;
  no_replay?: boolean;
  notices?: Notice[] | null;
  debug: string;
}

export interface SourceStatus {
  source: string;
  frames: number;
  events: number;
  bytes: number;
  frames_in_flight: number;
  lag_ms: number;
  oldest: string | null;
  cursor: string;
  pushed_at: string | null;
  behind_ms?: number | null;
  unread_since?: string | null;
}

export interface Status {
  version: string;
  now: string;
  store: { where?: string; reachable: boolean; error?: string; ping_ms: number; dead_letters?: number | null };
  buffer: { where?: string; reachable: boolean; error?: string; events: number; bytes: number; frames_in_flight: number; lag_ms: number; sources: SourceStatus[] };
  stages: Stage[];
  switches?: Switch[] | null;
  history?: { at: string; ingested: number; judged: number; matched: number | null; events: number; lag_ms: number }[];
}

export interface Sample {
  at: number;
  ingested: number | null;
  judged: number | null;
  matched: number | null;
  depth: number | null;
  lag: number | null;
}

export const status = signal<Status | null>(null);
export const statusFailure = signal<Failure | null>(null);
export const samples = signal<Sample[]>([]);
const every = 3000;
export const history = 60 * 60 * 1000;

export const running = (s: Stage) => s.state !== "stopped" && s.state !== "silent";
export const stagesOf = (s: Status, stage: string) => s.stages.filter((x) => x.stage === stage);

const sum = (stages: Stage[], what: (s: Stage) => number | undefined) => stages.reduce((n, s) => n + (what(s) ?? 0), 0);
export const rateOf = (s: Status, stage: string, of = "events") => sum(stagesOf(s, stage).filter(running), (x) => x.rates?.[of]);
const matchesOf = (s: Status) => sum(stagesOf(s, "filter").filter(running), (x) => x.totals?.matches);

/** Paused is a stage that takes nothing new, and what is known of why. */
export interface Paused {
  /** As the API names it: ingest, ingest/NAME, filter or api. */
  stage: string;
  by: Switch | null;
}

/** pausedIn lists what is paused: by a switch, or by its own word where no switch is told. */
export function pausedIn(s: Status | null): Paused[] {
  if (!s) return [];
  const wished: Paused[] = (s.switches ?? []).filter((w) => w.paused).map((w) => ({ stage: w.stage, by: w }));
  const covered = (stage: string) => wished.some((w) => w.stage === stage || w.stage === stage.split("/")[0]);
  const told = s.stages.filter((x) => x.state === "paused").map((x) => (x.name ? `${x.stage}/${x.name}` : x.stage));
  return [...wished, ...[...new Set(told)].filter((stage) => !covered(stage)).map((stage) => ({ stage, by: null }))];
}

export const paused = computed(() => pausedIn(status.value));

/** apiPaused says that the api answers nothing but status, pause, resume and login. */
export const apiPaused = computed(() => paused.value.some((p) => p.stage === "api"));

/** sampleOf is one point of the history; before is the status before it. */
export function sampleOf(s: Status, before: Status | null): Sample {
  const at = Date.parse(s.now);
  let matched: number | null = null;
  if (before) {
    const seconds = (at - Date.parse(before.now)) / 1000;
    const more = matchesOf(s) - matchesOf(before);
    // A filter that was started anew counts from nothing.
    if (seconds > 0 && more >= 0) matched = more / seconds;
  }
  return {
    at,
    ingested: rateOf(s, "ingest"),
    judged: rateOf(s, "filter"),
    matched,
    depth: s.buffer.reachable ? s.buffer.events : null,
    lag: s.buffer.reachable ? s.buffer.lag_ms / 1000 : null,
  };
}

/** remember adds a sample and drops what is older than an hour. */
export function remember(list: Sample[], sample: Sample): Sample[] {
  return [...list.filter((s) => s.at > sample.at - history && s.at < sample.at), sample];
}

/** hole is the least time without a sample that is shown as one: more than two of the API's steps. */
const hole = 150_000;

/** hourOf joins the API's points with the page's own, and says where there are none. */
export function hourOf(told: NonNullable<Status["history"]>, own: Sample[]): Sample[] {
  const first = own[0]?.at ?? Infinity, last = own.at(-1)?.at ?? -Infinity;
  const theirs = told.map((h) => ({ at: Date.parse(h.at), ingested: h.ingested, judged: h.judged, matched: h.matched, depth: h.events, lag: h.lag_ms / 1000 }));
  // While the page looks it sees more often than once a minute; but it may have slept.
  const near = (at: number) => at >= first && at <= last && own.some((s) => Math.abs(s.at - at) < hole / 5);
  const all = [...theirs.filter((s) => !near(s.at)), ...own].sort((a, b) => a.at - b.at);
  return all.flatMap((s, i) => {
    const before = all[i - 1];
    return before && s.at - before.at > hole ? [{ at: before.at, ingested: null, judged: null, matched: null, depth: null, lag: null }, s] : [s];
  });
}

async function look(signal: AbortSignal) {
  try {
    const { data } = await get<Status>("/v1/status", signal);
    samples.value = remember(samples.value, sampleOf(data, status.value));
    status.value = data;
    statusFailure.value = null;
  } catch (failure) {
    if (failure instanceof Failure) statusFailure.value = failure;
  }
}

export let lookNow = () => {};

/** watchStatus asks again and again until the function that it gives is called. */
export function watchStatus(): () => void {
  const end = new AbortController();
  const turn = () => void look(end.signal);
  lookNow = turn;
  turn();
  const timer = setInterval(turn, every);
  return () => {
    end.abort();
    clearInterval(timer);
    lookNow = () => {};
    samples.value = [];
    status.value = null;
  };
}
