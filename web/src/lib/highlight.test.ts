import { describe, expect, test } from "vitest";
import type { Post } from "../api";
import { byteOffset, marksIn, merge, partsOf, placeOf, rangesOf, valueAt, webAddress, whole } from "./highlight";

/** spanOf is the span of a part of a text as the server tells it: in bytes. */
function spanOf(text: string, part: string) {
  const start = byteOffset(text, text.indexOf(part));
  return { start, end: start + new TextEncoder().encode(part).length };
}

const cut = (text: string, ranges: { start: number; end: number }[]) => ranges.map((r) => text.slice(r.start, r.end));

describe("rangesOf", () => {
  test.each([
    ["plain coffee here", "coffee"],
    ["Café crème", "crème"],
    ["👨‍👩‍👧‍👦☕ Sunday coffee", "coffee"],
    ["👨‍👩‍👧‍👦☕ Sunday coffee", "☕"],
    ["صباح الخير! أفضل قهوة في المدينة", "قهوة"],
    ["今日の猫。コーヒー", "猫"],
    ["커피를 마신다", "커피"],
    ["𝒻𝒶𝓃𝒸𝓎 words", "words"],
  ])("%s: %s", (text, part) => {
    expect(cut(text, rangesOf(text, [spanOf(text, part)]))).toEqual([part]);
  });

  test("a stretch that cuts a character takes all of it", () => {
    expect(cut("a🐈b", rangesOf("a🐈b", [{ start: 2, end: 4 }]))).toEqual(["🐈"]);
  });

  test("what is behind the end is cut off, what is empty or backwards is left out", () => {
    expect(cut("cat", rangesOf("cat", [{ start: 1, end: 99 }]))).toEqual(["at"]);
    expect(rangesOf("cat", [{ start: 0, end: 0 }, { start: 2, end: 1 }, { start: 7, end: 9 }, { start: -1, end: 2 }])).toEqual([]);
  });

  test("agrees with an encoder on every stretch of a text", () => {
    const text = "aé€👍🏽क़ש";
    const bytes = new TextEncoder().encode(text);
    const starts = [0, ...[...text].map((_, i, all) => new TextEncoder().encode(all.slice(0, i + 1).join("")).length)];
    for (const start of starts) {
      for (const end of starts.filter((e) => e > start)) {
        expect(cut(text, rangesOf(text, [{ start, end }]))).toEqual([new TextDecoder().decode(bytes.subarray(start, end))]);
      }
    }
  });
});

test("merge joins what touches or overlaps", () => {
  expect(merge([{ start: 5, end: 7 }, { start: 0, end: 2 }, { start: 1, end: 4 }, { start: 4, end: 5 }, { start: 9, end: 10 }])).toEqual([
    { start: 0, end: 7 },
    { start: 9, end: 10 },
  ]);
});

test("whole tears no family, flag or accent apart", () => {
  const family = "👨‍👩‍👧‍👦";
  expect(cut(`x${family}y`, whole(`x${family}y`, [{ start: 1, end: 3 }]))).toEqual([family]);
  const accent = "cafe\u0301s";
  expect(cut(accent, whole(accent, [{ start: 0, end: 4 }]))).toEqual(["cafe\u0301"]);
});

describe("partsOf", () => {
  const shown = (text: string, ranges: { start: number; end: number }[]) =>
    partsOf(text, ranges).map((p) => [p.href ?? "", p.pieces.map((x) => (x.marked ? `[${x.text}]` : x.text)).join("")]);

  test("loses and adds nothing", () => {
    const text = "a <b>coffee</b> at https://x.example/a?b=1, & more";
    expect(partsOf(text, [{ start: 5, end: 11 }]).flatMap((p) => p.pieces.map((x) => x.text)).join("")).toBe(text);
  });

  test("a mark may begin in the text and end in a link", () => {
    expect(shown("see https://x.example/cat now", [{ start: 0, end: 11 }])).toEqual([
      ["", "[see ]"],
      ["https://x.example/cat", "[https:/]/x.example/cat"],
      ["", " now"],
    ]);
  });

  test("what ends a sentence is not in the link", () => {
    expect(shown("(https://x.example/a).", [])).toEqual([["", "("], ["https://x.example/a", "https://x.example/a"], ["", ")."]]);
  });

  test("no link leads to a script", () => {
    expect(shown("javascript:alert(1) data:text/html,x https://", []).every(([href]) => href === "")).toBe(true);
  });

  test("quotes end an address", () => {
    expect(partsOf(`https://x.example/"onmouseover="alert(1)`, [])[0]!.href).toBe("https://x.example/");
  });
});

test.each([
  ["https://x.example/", "https://x.example/"],
  ["javascript:alert(1)", undefined],
  [" https://x.example", undefined],
  ["https://", undefined],
  [undefined, undefined],
])("webAddress of %s", (given, want) => {
  expect(webAddress(given)).toBe(want);
});

test("a tag that matched is marked in the text too, and nothing longer", () => {
  const post: Post = { key: "k", text: "#Golang and #golangs, #GoLang!", hashtags: ["golang"] };
  expect(cut(post.text!, marksIn(post, "text", post.text!, [{ field: "hashtags[0]", start: 0, end: 6 }]))).toEqual(["#Golang", "#GoLang"]);
});

test("valueAt and placeOf read the names of the API", () => {
  const post: Post = { key: "k", text: "t", media: [{ type: "link", url: "u", alt: "a title" }], author: { handle: "ann", followers: 7 }, quote_of: { text: "q" } };
  expect(valueAt(post, "media[0].alt")).toBe("a title");
  expect(valueAt(post, "author.followers")).toBe("7");
  expect(valueAt(post, "quote_of.text")).toBe("q");
  expect(valueAt(post, "reply_to.author.id")).toBe("");
  expect(placeOf(post, "media[0].alt")).toContain("link");
  expect(placeOf(post, "something.new[3]")).toBe("in something.new[3]");
});
