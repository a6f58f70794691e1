import { expect, test } from "vitest";
import { history, hourOf, pausedIn, remember, sampleOf, type Sample, type Stage, type Status } from "./status";

const stage = (name: string, more: Partial<Stage> = {}): Stage => ({
  stage: name, name: "", instance: name, host: "h", pid: 1, version: "", state: "running", started_at: null, seen_at: null, rates: null, totals: null, last_error: "", debug: "", ...more,
});
const status = (seconds: number, stages: Stage[], more: Partial<Status> = {}): Status => ({
  version: "", now: new Date(seconds * 1000).toISOString(), store: { reachable: true, ping_ms: 1 },
  buffer: { reachable: true, events: 5, bytes: 1, frames_in_flight: 0, lag_ms: 1500, sources: [] }, stages, ...more,
});

test("sampleOf sums what runs, and takes matches by their difference", () => {
  const filters = (n: number) => [stage("filter", { totals: { matches: n }, rates: { events: 3 } }), stage("filter", { state: "silent", rates: { events: 99 }, totals: { matches: 1000 } })];
  const ingest = stage("ingest", { rates: { events: 7 } });
  expect(sampleOf(status(4, [...filters(30), ingest]), status(2, filters(10)))).toEqual({ at: 4000, ingested: 7, judged: 3, matched: 10, depth: 5, lag: 1.5 });
});

test("a filter that began anew makes no negative rate, an unreachable buffer no depth", () => {
  const away = status(4, [stage("filter", { totals: { matches: 1 } })], { buffer: { ...status(0, []).buffer, reachable: false } });
  expect(sampleOf(away, status(2, [stage("filter", { totals: { matches: 9 } })]))).toMatchObject({ matched: null, depth: null, lag: null });
  expect(sampleOf(status(1, []), null).matched).toBeNull();
});

test("remember keeps an hour in order", () => {
  const at = (t: number): Sample => ({ at: t, ingested: 0, judged: 0, matched: 0, depth: 0, lag: 0 });
  expect(remember([at(1), at(5), at(history)], at(history + 3)).map((s) => s.at)).toEqual([5, history, history + 3]);
  expect(remember([at(10), at(20)], at(15)).map((s) => s.at)).toEqual([10, 15]); // the server's clock went back
});

test("hourOf shows the hour before the page was opened, with holes where nobody looked", () => {
  const minute = 60_000;
  const told = (m: number) => ({ at: new Date(m * minute).toISOString(), ingested: m, judged: m, matched: null, events: m, lag_ms: 1000 * m });
  const own = (at: number): Sample => ({ at, ingested: 0, judged: 0, matched: 0, depth: 0, lag: 0 });
  // An api that was not there from 2 to 10, and a page that slept between 12 and 20.
  const shown = hourOf([1, 2, 10, 11, 12, 15, 20].map(told), [own(11.5 * minute), own(12.01 * minute), own(20 * minute)]);
  expect(shown.map((s) => [s.at / minute, s.depth])).toEqual([[1, 1], [2, 2], [2, null], [10, 10], [11, 11], [11.5, 0], [12.01, 0], [12.01, null], [15, 15], [15, null], [20, 0]]);
  expect(hourOf([told(1)], [])).toEqual([{ at: minute, ingested: 1, judged: 1, matched: null, depth: 1, lag: 1 }]);
});

test("pausedIn believes switches first, and a stage that says so itself", () => {
  const by = { stage: "ingest", paused: true, who: "ann", reason: "disk", since: null, until: null };
  const s = status(1, [stage("ingest", { name: "x", state: "paused" }), stage("filter", { state: "paused" }), stage("api")], { switches: [by, { ...by, stage: "api", paused: false }] });
  expect(pausedIn(s)).toEqual([{ stage: "ingest", by }, { stage: "filter", by: null }]);
  expect(pausedIn(null)).toEqual([]);
});
