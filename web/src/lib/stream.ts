// What the reader sees of the stream, as a pure function of what arrived. Nothing
// that arrives moves what is being read: new posts wait until they are asked for.

import type { Change, Gap, Match } from "../api";

export interface GapEntry {
  gap: Gap;
}

export type Entry = Match | GapEntry;

export interface Stream {
  /** Newest first. */
  shown: Entry[];
  /** Arrived since, oldest first, not shown yet. */
  waiting: Entry[];
  /** How many more arrived than can wait; then only reading anew shows all. */
  dropped: number;
  /** Cursor to older matches; null: there are none, or nothing was read yet. */
  prev: string | null;
  /** Only matches with this tag are here; null: all. */
  tag: string | null;
}

/** mostWaiting bounds what a page that nobody looks at holds. */
export const mostWaiting = 500;

export const isGap = (entry: Entry): entry is GapEntry => "gap" in entry;

export const empty = (tag: string | null): Stream => ({ shown: [], waiting: [], dropped: 0, prev: null, tag });

/** fits says whether a match belongs to a tag. */
export const fits = (match: Match, tag: string | null) => tag === null || match.rules.some((r) => r.tag === tag);

/** loaded begins with the newest page. */
export function loaded(page: Match[], prev: string | null, tag: string | null): Stream {
  return { ...empty(tag), shown: page, prev };
}

/** older appends a page that was read back. What is there already stays where it is. */
export function older(stream: Stream, page: Match[], prev: string | null): Stream {
  const known = idsOf(stream.shown, stream.waiting);
  return { ...stream, shown: [...stream.shown, ...page.filter((m) => !known.has(m.id))], prev };
}

function idsOf(...lists: Entry[][]): Set<string> {
  const ids = new Set<string>();
  for (const list of lists) for (const entry of list) if (!isGap(entry)) ids.add(entry.id);
  return ids;
}

/** arrived takes one change in. */
export function arrived(stream: Stream, change: Change): Stream {
  if (change.change === "delete" || !fits(change, stream.tag)) return without(stream, change.id);
  if (has(stream.shown, change.id)) return { ...stream, shown: replace(stream.shown, change) };
  if (has(stream.waiting, change.id)) return { ...stream, waiting: replace(stream.waiting, change) };
  // An update of what is not here is new to the reader too: in the order of the
  // API it has moved to the front, and reading back does not find it any more.
  return wait(stream, change);
}

/** missed notes a gap between what is shown and what comes. */
export const missed = (stream: Stream, gap: Gap): Stream => wait(stream, { gap });

function wait(stream: Stream, entry: Entry): Stream {
  const waiting = [...stream.waiting, entry];
  const over = waiting.length - mostWaiting;
  if (over <= 0) return { ...stream, waiting };
  return { ...stream, waiting: waiting.slice(over), dropped: stream.dropped + over };
}

const has = (list: Entry[], id: string) => list.some((e) => !isGap(e) && e.id === id);

const replace = (list: Entry[], match: Match) => list.map((e) => (!isGap(e) && e.id === match.id ? match : e));

function without(stream: Stream, id: string): Stream {
  if (!has(stream.shown, id) && !has(stream.waiting, id)) return stream;
  const others = (e: Entry) => isGap(e) || e.id !== id;
  return { ...stream, shown: stream.shown.filter(others), waiting: stream.waiting.filter(others) };
}

/** show puts what waits in front. Where some was dropped, the caller reads anew instead. */
export function show(stream: Stream): Stream {
  return { ...stream, shown: [...stream.waiting].reverse().concat(stream.shown), waiting: [] };
}

/** newOnes counts the posts that wait. */
export const newOnes = (stream: Stream) => stream.dropped + stream.waiting.filter((e) => !isGap(e)).length;

/** byTag groups entries by each tag they have, in the order of the tags' newest; gaps are left out. */
export function byTag(entries: Entry[]): [string, Match[]][] {
  const groups = new Map<string, Match[]>();
  for (const entry of entries) {
    if (isGap(entry)) continue;
    for (const tag of new Set(entry.rules.map((r) => r.tag))) {
      const group = groups.get(tag);
      if (group) group.push(entry);
      else groups.set(tag, [entry]);
    }
  }
  return [...groups];
}
