// What matched, and where: spans of the API count bytes of UTF-8, strings of a
// browser count UTF-16 units, and people see graphemes.

import type { Post, Span } from "../api";

/** Range is a stretch of a string, in UTF-16 units. */
export interface Range {
  start: number;
  end: number;
}

/** Piece is a part of a text as it is shown. */
export interface Piece {
  text: string;
  marked: boolean;
}

/** Part is a stretch with one link, or none, and its pieces. */
export interface Part {
  href?: string;
  pieces: Piece[];
}

const bytesOf = (code: number) => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);

/**
 * rangesOf turns stretches in bytes into stretches in UTF-16 units. One that cuts a
 * character takes all of it; one behind the end is cut off there.
 */
export function rangesOf(text: string, spans: { start: number; end: number }[]): Range[] {
  const wanted = spans.filter((s) => s.end > s.start && s.start >= 0);
  if (wanted.length === 0) return [];
  const stops = [...new Set(wanted.flatMap((s) => [s.start, s.end]))].sort((a, b) => a - b);
  const floor = new Map<number, number>();
  const ceiling = new Map<number, number>();
  let bytes = 0;
  let units = 0;
  let next = 0;
  for (const character of text) {
    const width = bytesOf(character.codePointAt(0)!);
    while (next < stops.length && stops[next]! < bytes + width) {
      floor.set(stops[next]!, units);
      ceiling.set(stops[next]!, stops[next] === bytes ? units : units + character.length);
      next++;
    }
    bytes += width;
    units += character.length;
  }
  return wanted
    .map((s) => ({ start: floor.get(s.start) ?? units, end: ceiling.get(s.end) ?? units }))
    .filter((r) => r.end > r.start);
}

/** byteOffset is how many bytes of UTF-8 stand before a UTF-16 index. */
export function byteOffset(text: string, index: number): number {
  return new TextEncoder().encode(text.slice(0, index)).length;
}

/** merge sorts ranges and joins those that touch or overlap. */
export function merge(ranges: Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const last = merged.at(-1);
    if (last && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else merged.push({ ...range });
  }
  return merged;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** whole widens ranges to whole graphemes, so that no mark tears a flag or a letter and its accent apart. */
export function whole(text: string, ranges: Range[]): Range[] {
  if (ranges.length === 0) return [];
  // eslint-disable-next-line no-control-regex
  if (/^[\x00-\x7f]*$/.test(text)) return merge(ranges);
  const segments = graphemes.segment(text);
  return merge(
    ranges.map(({ start, end }) => {
      const last = segments.containing(end - 1);
      return { start: segments.containing(start)?.index ?? start, end: last ? last.index + last.segment.length : end };
    }),
  );
}

/** cut splits a stretch of a text at the marks. */
function cut(text: string, from: number, to: number, marks: Range[]): Piece[] {
  const pieces: Piece[] = [];
  let at = from;
  const add = (end: number, marked: boolean) => {
    if (end > at) pieces.push({ text: text.slice(at, end), marked });
    at = Math.max(at, end);
  };
  for (const mark of marks) {
    if (mark.end <= from || mark.start >= to) continue;
    add(Math.min(Math.max(mark.start, from), to), false);
    add(Math.min(mark.end, to), true);
  }
  add(to, false);
  return pieces;
}

/** webAddress is the address if a browser may open it: nothing but http and https. */
export function webAddress(address: string | undefined): string | undefined {
  if (!address || !/^https?:\/\//i.test(address)) return undefined;
  try {
    return new URL(address).href;
  } catch {
    return undefined;
  }
}

const link = /https?:\/\/[^\s<>"'“”«»]+/gi;

/** linksIn finds the addresses in a text, without what ends the sentence around them. */
function linksIn(text: string): (Range & { href: string })[] {
  const found: (Range & { href: string })[] = [];
  for (const match of text.matchAll(link)) {
    let address = match[0].replace(/[.,;:!?…'’]+$/, "");
    if (address.endsWith(")") && !address.includes("(")) address = address.slice(0, -1);
    const href = webAddress(address);
    if (href) found.push({ start: match.index, end: match.index + address.length, href });
  }
  return found;
}

/** partsOf makes a text ready to be shown: links to follow, and marks on what matched. */
export function partsOf(text: string, ranges: Range[], withLinks = true): Part[] {
  const marks = whole(text, ranges);
  const parts: Part[] = [];
  let at = 0;
  for (const { start, end, href } of withLinks ? linksIn(text) : []) {
    if (start > at) parts.push({ pieces: cut(text, at, start, marks) });
    parts.push({ href, pieces: cut(text, start, end, marks) });
    at = end;
  }
  if (at < text.length) parts.push({ pieces: cut(text, at, text.length, marks) });
  return parts;
}

/** spansOf are those of one field. */
export const spansOf = (spans: Span[], field: string) => spans.filter((s) => s.field === field);

const lists = { hashtags: "#", cashtags: "$", mentions: "@" } as const;

/**
 * marksIn are the ranges to mark in a field's text: its own spans, and in the post's
 * text the tags and handles that matched in its lists.
 */
export function marksIn(post: Post, field: string, text: string, spans: Span[]): Range[] {
  const ranges = rangesOf(text, spansOf(spans, field));
  if (field !== "text") return ranges;
  for (const span of spans) {
    const listed = /^(hashtags|cashtags|mentions)\[(\d+)\]$/.exec(span.field);
    if (!listed) continue;
    const list = listed[1] as keyof typeof lists;
    const word = post[list]?.[Number(listed[2])];
    if (word) ranges.push(...occurrences(text, lists[list] + word));
  }
  return ranges;
}

/** occurrences finds a sign and its word where the word ends there. */
function occurrences(text: string, word: string): Range[] {
  const found: Range[] = [];
  const low = text.toLowerCase();
  const sought = word.toLowerCase();
  if (low.length !== text.length) return found; // letters that change their length: rather no mark than a wrong one
  for (let at = low.indexOf(sought); at >= 0; at = low.indexOf(sought, at + sought.length)) {
    const after = text.codePointAt(at + sought.length);
    if (after === undefined || !/[\p{L}\p{M}\p{N}_]/u.test(String.fromCodePoint(after))) {
      found.push({ start: at, end: at + sought.length });
    }
  }
  return found;
}

/** placeOf says in words which part of a post a span is in. */
export function placeOf(post: Post, field: string): string {
  const index = /\[(\d+)\]/.exec(field);
  const i = index ? Number(index[1]) : 0;
  const name = field.replace(/\[\d+\]/, "");
  const names: Record<string, string> = {
    text: "in the text",
    "quote_of.text": "in the quoted post",
    "repost_of.text": "in the reposted post",
    "media.alt": `in the description of ${post.media?.[i]?.type === "link" ? "a link" : "a picture"}`,
    hashtags: "as a hashtag",
    cashtags: "as a cashtag",
    mentions: "as a mention",
    links: "in a link",
    "author.handle": "the author’s handle",
    "author.id": "the author",
    "author.followers": "the author’s followers",
    langs: "the language",
    network: "the network",
    source: "the source",
    kind: "the kind of post",
    key: "the post’s id",
    thread: "the thread",
  };
  return names[name] ?? `in ${field}`;
}

/** valueAt reads the text of a field as the API names it, such as media[0].alt. */
export function valueAt(post: Post, field: string): string {
  let value: unknown = post;
  for (const step of field.split(/[.[\]]+/)) {
    if (step === "") continue;
    value = (value as Record<string, unknown> | undefined)?.[step];
  }
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
