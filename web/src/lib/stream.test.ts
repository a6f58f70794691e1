import { describe, expect, test } from "vitest";
import type { Change, Gap, Match } from "../api";
import { arrived, byTag, empty, isGap, loaded, missed, mostWaiting, newOnes, older, show, type Stream } from "./stream";

const match = (id: string, tags: string[] = ["a"], text = id, change: "new" | "update" = "new"): Match => ({
  id, change, event: { key: `k:${id}`, text }, rules: tags.map((tag, i) => ({ id: String(i), tag, spans: [] })), matched_at: "2026-01-01T00:00:00.000Z",
});
const gone = (id: string): Change => ({ id, change: "delete" });
const gap: Gap = { after: "A", next: "B", from: null, to: null };

const ids = (list: Stream["shown"]) => list.map((e) => (isGap(e) ? "gap" : e.id)).join(" ");
const page = (...names: string[]) => names.map((n) => match(n));
const take = (stream: Stream, ...changes: Change[]) => changes.reduce(arrived, stream);

describe("arrived", () => {
  const start = loaded(page("3", "2", "1"), "P", null);

  test("new posts wait, and nothing that is shown moves", () => {
    const s = take(start, match("4"), match("5"));
    expect([ids(s.shown), ids(s.waiting), newOnes(s)]).toEqual(["3 2 1", "4 5", 2]);
    expect(ids(show(s).shown)).toBe("5 4 3 2 1");
    expect(newOnes(show(s))).toBe(0);
  });

  test("an update changes a post where it stands", () => {
    const s = take(start, match("2", ["a"], "edited", "update"));
    expect(ids(s.shown)).toBe("3 2 1");
    expect(s.shown[1]).toMatchObject({ event: { text: "edited" } });
    expect(newOnes(s)).toBe(0);
  });

  test("an update of what waits changes it there", () => {
    const s = take(start, match("4"), match("5"), match("4", ["a"], "edited", "update"));
    expect(ids(s.waiting)).toBe("4 5");
    expect(s.waiting[0]).toMatchObject({ event: { text: "edited" } });
  });

  test("an update of what was never read is news: the API has it in front now", () => {
    expect(ids(take(start, match("0", ["a"], "edited", "update")).waiting)).toBe("0");
  });

  test("a new one that is known comes again after a failover, and is not doubled", () => {
    expect(ids(show(take(start, match("3"))).shown)).toBe("3 2 1");
  });

  test("what is deleted vanishes, shown or waiting", () => {
    const s = take(start, match("4"), gone("4"), gone("2"), gone("unknown"));
    expect([ids(s.shown), ids(s.waiting), newOnes(s)]).toEqual(["3 1", "", 0]);
  });

  test("a deletion of what is not here changes nothing at all", () => {
    expect(arrived(start, gone("unknown"))).toBe(start);
  });

  test("deleted and caught again comes back in front", () => {
    expect(ids(show(take(start, gone("1"), match("1"))).shown)).toBe("1 3 2");
  });

  test("of one tag, others stay out, and what lost its tag leaves", () => {
    const s = take(loaded([match("2", ["a", "b"]), match("1")], null, "a"), match("3", ["b"]), match("4", ["b", "a"]), match("2", ["b"], "2", "update"));
    expect([ids(s.shown), ids(s.waiting)]).toEqual(["1", "4"]);
  });

  test("what waits is bounded, and the dropped are counted", () => {
    let s = empty(null);
    for (let i = 0; i < mostWaiting + 3; i++) s = arrived(s, match(String(i)));
    expect([s.waiting.length, s.dropped, newOnes(s), ids(s.waiting).split(" ")[0]]).toEqual([mostWaiting, 3, mostWaiting + 3, "3"]);
  });
});

test("a gap stands between what was before it and what came after", () => {
  const s = show(take(missed(take(loaded(page("1"), null, null), match("2")), gap), match("3")));
  expect(ids(s.shown)).toBe("3 gap 2 1");
});

test("a gap is no post, and outlives those around it", () => {
  const s = take(missed(loaded(page("1"), null, null), gap), gone("1"));
  expect([newOnes(s), ids(s.waiting), ids(s.shown)]).toEqual([0, "gap", ""]);
});

test("older posts follow, without those that are here or wait already", () => {
  const s = older(take(loaded(page("4", "3"), "P", null), match("2", ["a"], "2", "update")), page("3", "2", "1"), "Q");
  expect([ids(s.shown), ids(s.waiting), s.prev]).toEqual(["4 3 1", "2", "Q"]);
});

test("byTag has a post under each of its tags once", () => {
  const groups = byTag([match("3", ["b"]), { gap }, match("2", ["a", "b", "b"]), match("1", [""])]);
  expect(groups.map(([tag, list]) => `${tag}:${ids(list)}`)).toEqual(["b:3 2", "a:2", ":1"]);
});
