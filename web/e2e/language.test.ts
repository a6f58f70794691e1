// Texts that are read from the right, names that try to turn what stands beside
// them, and times in the reader's zone: measured where a browser puts the letters.

import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { context, errors, launch, phone, type Look } from "./browser";
import { patience, Pipeline } from "./pipeline";

let pipeline: Pipeline;
let browser: Browser;

beforeAll(async () => {
  [pipeline, browser] = await Promise.all([Pipeline.start(), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await pipeline?.end();
});

async function logIn(look: Partial<Look> = {}): Promise<[Page, string[]]> {
  const c = await context(browser, look);
  const page = await c.newPage();
  page.setDefaultTimeout(patience);
  const complaints = errors(page);
  await page.goto(pipeline.base);
  await page.getByLabel("Login link or token").fill(pipeline.token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  return [page, complaints];
}

/** placesOf gives where the letters of a text in an element stand, from the left, in the order in which they are read. */
const placesOf = (within: Locator, text: string): Promise<number[]> =>
  within.evaluate((root, text) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const at = node.nodeValue!.indexOf(text);
      if (at < 0) continue;
      return [...text].map((_, i) => {
        const letter = document.createRange();
        letter.setStart(node, at + i);
        letter.setEnd(node, at + i + 1);
        return letter.getBoundingClientRect().left;
      });
    }
    throw new Error(`no ${text} in ${root.textContent}`);
  }, text);

const rising = (places: number[]) => places.every((x, i) => i === 0 || x > places[i - 1]!);
const falling = (places: number[]) => rising([...places].reverse());
const direction = (at: Locator) => at.evaluate((e) => getComputedStyle(e).direction);

test("what is written from the right is read from the right, and what stands beside it is not turned", async () => {
  pipeline.post({
    id: "rtl", langs: ["he"], author: { id: "r1", handle: "dana.example", name: "דנה לוי" }, text: "שלום עולם, coffee בבוקר",
    media: [{ type: "image", url: "https://img.example/r.svg", alt: "כוס חמה on a table" }, { type: "link", url: "https://linked.example/x", alt: "חדשות היום" }],
    quote_of: { key: "test:q", author: { id: "q", handle: "omar.example" }, text: "صباح الخير from Cairo" },
  });
  pipeline.post({ id: "ltr", author: { id: "r2", handle: "ann.example", name: "Ann" }, text: "coffee, said שלום and left" });
  await pipeline.kept("and left");
  const [page, complaints] = await logIn();
  const hebrew = page.getByRole("article").filter({ hasText: "דנה" });
  const text = hebrew.locator(".text p");
  expect(await direction(text)).toBe("rtl");
  expect(falling(await placesOf(text, "שלום"))).toBe(true);
  expect(rising(await placesOf(text, "coffee"))).toBe(true);
  expect((await placesOf(text, "שלום"))[0]).toBeGreaterThan((await placesOf(text, "coffee"))[0]!);
  expect((await placesOf(text, "coffee"))[0]).toBeGreaterThan((await placesOf(text, "בבוקר"))[0]!);
  const quote = hebrew.locator(".quoted p[dir]");
  expect(await direction(quote)).toBe("rtl");
  expect((await placesOf(quote, "صباح"))[0]).toBeGreaterThan((await placesOf(quote, "Cairo"))[0]!);
  expect(await direction(hebrew.locator("figcaption"))).toBe("rtl");
  const link = hebrew.locator(".attachment bdi");
  expect(await direction(link)).toBe("rtl");
  // The names of the link and of the network stay where they are read.
  expect((await placesOf(hebrew.locator(".attachment"), "linked.example"))[0]).toBeLessThan((await placesOf(link, "חדשות"))[0]!);
  expect(falling(await placesOf(hebrew.locator(".who"), "דנה"))).toBe(true);
  expect(rising(await placesOf(hebrew.locator(".where"), "Bluesky"))).toBe(true);
  const english = page.getByRole("article").filter({ hasText: "and left" }).locator(".text p");
  expect(await direction(english)).toBe("ltr");
  expect((await placesOf(english, "said"))[0]).toBeLessThan((await placesOf(english, "left"))[0]!);
  expect(complaints).toEqual([]);
  await page.context().close();
});

/** Handles with signs that turn what follows: an override, and one after the end of whatever the page put around it. */
const turning = { override: "\u202Eeve.example", escape: "eve\u2069\u202E.example", escapes: "eve\u202C\u2069\u2069\u2067x", marks: "\u200F\u202Beve" };

test.each(Object.entries(turning))("a handle with an %s turns nothing beside it", async (name, handle) => {
  const word = `turned-${name}`;
  pipeline.post({
    id: word, kind: "reply", author: { id: "t", handle, name: handle }, text: `coffee ${word}`, url: "https://bsky.example/t",
    reply_to: { key: "test:x", author: { id: "x", handle }, text: "Why though" }, quote_of: { key: "test:y", author: { id: "y", handle }, text: "As quoted" },
  });
  await pipeline.kept(word);
  const [page, complaints] = await logIn();
  const post = page.getByRole("article").filter({ hasText: word });
  await post.waitFor();
  for (const [where, what] of [[".where", "Bluesky"], [".where", "just now"], [".kind", "replies"], [".kind", "Why though"], [".quoted", "As quoted"], [".text p", word]] as const) {
    expect(rising(await placesOf(post.locator(where).first(), what)), `${what} in ${where}`).toBe(true);
  }
  const kind = post.locator(".kind");
  // All of the handle stands before what follows it.
  const handleEnds = await kind.locator("bdi").first().evaluate((e) => e.getBoundingClientRect().right);
  expect((await placesOf(kind, "Why though"))[0]).toBeGreaterThanOrEqual(handleEnds);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("words and names without an end fit a phone", async () => {
  const long = "w".repeat(300);
  pipeline.post({
    id: "long", kind: "reply", author: { id: "l", handle: long, name: long }, text: `coffee ${long} endless`, url: "https://bsky.example/l",
    reply_to: { key: "test:x", author: { id: "x", handle: long }, text: long }, quote_of: { key: "test:y", author: { id: "y", handle: long }, text: long },
    media: [{ type: "link", url: `https://${"w".repeat(60)}.example/`, alt: long }],
  });
  await pipeline.kept("endless");
  const [page] = await logIn({ viewport: phone });
  const post = page.getByRole("article").filter({ hasText: "endless" });
  await post.waitFor();
  const beyond = await post.evaluate((root) => {
    const edge = root.getBoundingClientRect().right;
    return [...root.querySelectorAll<HTMLElement>("p:not(.clamp), bdi:not(.clamp *), a, button")].filter((e) => e.getBoundingClientRect().right > edge).map((e) => e.outerHTML.slice(0, 80));
  });
  expect(beyond).toEqual([]);
  await page.context().close();
});

test("times are in the reader's zone", async () => {
  const days = new Date(Date.now() - 3 * 24 * 60 * 60_000);
  pipeline.post({ id: "old", text: "coffee of some days ago", created_at: days.toISOString() });
  pipeline.post({ id: "hours", text: "coffee of some hours ago", created_at: new Date(Date.now() - 2 * 60 * 60_000).toISOString() });
  await pipeline.kept("some hours ago");
  const seen: string[] = [];
  for (const zone of ["Asia/Tokyo", "America/St_Johns"]) {
    const [page] = await logIn({ timezoneId: zone });
    const time = (text: string) => page.getByRole("article").filter({ hasText: text }).locator("time").first();
    const say = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(days);
    expect(await time("some days ago").innerText()).toContain(say({ hour: "2-digit", minute: "2-digit" }));
    expect(await time("some days ago").innerText()).toContain(say({ day: "numeric", month: "short" }));
    expect(await time("some days ago").getAttribute("title")).toBe(say({ dateStyle: "full", timeStyle: "long" }));
    expect(await time("some days ago").getAttribute("datetime")).toMatch(/Z$/);
    expect(await time("some hours ago").innerText()).toBe("2 h ago");
    seen.push(await time("some days ago").innerText());
    await page.context().close();
  }
  expect(seen[0]).not.toBe(seen[1]);
});
