// The page as a person uses it, through the real api with a real pipeline behind it.

import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { context, errors, launch, looks, type Look } from "./browser";
import { freePort, patience, Pipeline, until } from "./pipeline";
import { hostile } from "./posts";

const shots = resolve(import.meta.dirname, "../shots");

let pipeline: Pipeline;
let browser: Browser;
let open: BrowserContext;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  [pipeline, browser] = await Promise.all([Pipeline.start(), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await pipeline?.end();
});
beforeEach(async () => {
  complaints = [];
  open = await context(browser);
  page = await newPage(open);
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") await page.screenshot({ path: `${shots}/failed-${task.name.slice(0, 40)}.png` }).catch(() => {});
  await open.close();
  expect(complaints).toEqual([]);
});

async function newPage(c: BrowserContext): Promise<Page> {
  const p = await c.newPage();
  p.setDefaultTimeout(patience);
  errors(p, complaints);
  return p;
}

/** another is a page of a browser of its own, beside the one that the test begins with. */
async function another(look: Partial<Look> = {}): Promise<Page> {
  const c = await context(browser, look);
  onTestFinished(() => c.close());
  return newPage(c);
}

/** fillIn logs in by the form, with the user's token or another. */
async function fillIn(p: Page, secret = pipeline.token) {
  await p.getByLabel("Login link or token").fill(secret);
  await p.getByRole("button", { name: "Log in" }).click();
}

async function logIn(base = pipeline.base) {
  await page.goto(base);
  await fillIn(page);
  await live(page);
}

const live = (p: Page) => p.getByText("Live", { exact: true }).waitFor();
const article = (text: string, p = page): Locator => p.getByRole("article").filter({ hasText: text });
const go = (view: string) => page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: view }).click();

/** shot keeps a picture of a step. */
const shot = (name: string) => page.screenshot({ path: `${shots}/${name}.png` });

/** see shows what waits until a text is there. */
async function see(text: string) {
  await until(`${text} on the page, which says: ${await page.locator("body").innerText()}`, async () => {
    if (await article(text).count()) return true;
    const pill = page.locator(".pill");
    if (await pill.count()) await pill.click({ timeout: 1000 }).catch(() => {});
    return false;
  });
}

let serial = 0;
const unique = (word: string) => `${word}${process.pid % 1000}x${serial++}`;

test("who has only the link writes a rule on a phone, watches it catch, knows why, and drops what is too much", async () => {
  await open.close();
  open = await context(browser, looks["phone-light"]);
  page = await newPage(open);
  const link = await pipeline.link();
  await page.goto(link);
  await page.getByRole("heading", { name: "Stream" }).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await shot("phone-1-the-link-opened");
  expect(page.url()).not.toContain("rfc_");
  expect(await page.evaluate("document.cookie + JSON.stringify(localStorage)")).not.toMatch(/rf[slc]_/);
  const [cookie] = await open.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });

  const word = unique("lighthouse");
  await go("Rules");
  await page.getByRole("link", { name: "New rule" }).click();
  await page.getByLabel("Rule", { exact: true }).pressSequentially(`${word} OR "`);
  await page.getByText("opened and never closed").waitFor();
  await shot("phone-2-a-mistake-in-a-rule");
  expect(await page.locator(".behind u").textContent()).toBe('"');
  expect(await page.getByRole("button", { name: "Add the rule" }).isDisabled()).toBe(true);
  await page.keyboard.press("Backspace");
  await page.keyboard.type('keeper');
  await page.getByLabel("Tag").fill("coast");
  await page.getByText(/stored posts caught|Nothing is stored yet/).waitFor();
  await shot("phone-3-the-rule-as-it-is-added");
  await page.getByRole("button", { name: "Add the rule" }).click();
  await page.getByText("Rule added").waitFor();

  await go("Stream");
  await until("the match", async () => {
    pipeline.post({ text: `The ${word} is lit again 💡`, author: { id: "u7", handle: "keeper.example", name: "The keeper" } });
    return page.getByRole("article").filter({ hasText: word }).or(page.locator(".pill")).first().waitFor({ timeout: 700 }).then(() => true, () => false);
  });
  await see(word);
  await shot("phone-4-the-match");
  const post = article(word).first();
  expect(await post.locator("mark").first().textContent()).toBe(word);
  await post.getByRole("button", { name: "Why" }).click();
  await post.getByText("in the text").waitFor();
  expect(await post.locator(".reason").textContent()).toContain("coast");
  await post.getByLabel("And why not by").selectOption({ label: 'trains: "night train" OR #railway' });
  await post.getByText("It does not match this post").waitFor();
  await shot("phone-5-why-and-why-not");

  await post.getByRole("link", { name: "Drop posts like this" }).click();
  expect(await page.getByLabel("Rule", { exact: true }).inputValue()).toBe("from:keeper.example");
  expect(await page.getByLabel("Drop", { exact: true }).isChecked()).toBe(true);
  await shot("phone-6-drop-posts-like-this");
  await page.getByRole("button", { name: "Add the rule" }).click();
  await page.getByLabel("Rule", { exact: true }).waitFor({ state: "detached" });
  await go("Stream");
  // Until the rule is live, posts of this author come; the one behind which another author's comes does not.
  await until("the rule that drops is live", async () => {
    const [dropped, kept] = [unique("dropped"), unique("kept")];
    pipeline.post({ text: `${word} ${dropped}`, author: { id: "u7", handle: "keeper.example" } });
    pipeline.post({ text: `${word} ${kept}`, author: { id: "u8", handle: "other.example" } });
    await see(kept);
    return (await article(dropped).count()) === 0;
  });
});

describe("the stream", () => {
  test("new posts wait, nothing moves under the reader, edits and deletions come", async () => {
    const [first, second] = [unique("first"), unique("second")];
    const key = pipeline.post({ text: `coffee ${first}` });
    await pipeline.kept(first);
    await logIn();
    await article(first).waitFor();
    const place = await article(first).boundingBox();
    pipeline.post({ text: `coffee ${second}` });
    await page.getByRole("button", { name: "1 new post" }).waitFor();
    expect(await article(second).count()).toBe(0);
    expect(await article(first).boundingBox()).toEqual(place);
    expect(await page.title()).toMatch(/^\(1\)/);
    await page.getByRole("button", { name: "1 new post" }).click();
    await article(second).waitFor();
    expect(await page.locator(".pill").count()).toBe(0);

    pipeline.post({ id: key.slice("test:".length), text: `coffee ${first} edited`, version: "2" });
    await article(`${first} edited`).waitFor();
    pipeline.delete(key);
    await article(first).waitFor({ state: "detached" });
    expect(await article(second).count()).toBe(1);
  });

  test("is filtered and grouped by tag", async () => {
    const [tea, cat] = [unique("brew"), unique("purr")];
    pipeline.post({ text: `espresso ${tea}` });
    pipeline.post({ text: `kitten ${cat}` });
    await pipeline.kept(cat);
    await logIn();
    await page.getByRole("navigation", { name: "Tags" }).getByRole("link", { name: "cats" }).click();
    await article(cat).waitFor();
    expect(await article(tea).count()).toBe(0);
    await page.getByRole("navigation", { name: "Tags" }).getByRole("link", { name: "All" }).click();
    await article(tea).waitFor();
    await page.getByRole("button", { name: "By tag" }).click();
    await page.getByRole("region", { name: "cats" }).getByText(cat).waitFor();
    expect(await page.getByRole("region", { name: "cats" }).getByText(tea).count()).toBe(0);
  });

  test("reads back through what is older", async () => {
    const oldest = unique("oldest");
    pipeline.post({ text: `coffee ${oldest}` });
    for (let i = 0; i < 60; i++) pipeline.post({ text: `coffee filler ${i}` });
    const last = unique("last");
    pipeline.post({ text: `coffee ${last}` });
    await pipeline.kept(last);
    await logIn();
    await article(last).waitFor();
    await until("the oldest", async () => {
      await page.mouse.wheel(0, 5000);
      return (await article(oldest).count()) > 0;
    });
  });

  test("text from networks is never markup", async () => {
    const marks = hostile.map((text) => `${unique("hostile")} ${text}`);
    for (const text of marks) pipeline.post({ text, author: { id: text, handle: text, name: text }, quote_of: { key: "test:q", author: { id: "x", handle: text }, text }, media: [{ type: "link", url: "javascript:window.hurt=1", alt: text }], url: "javascript:window.hurt=1", hashtags: [text], langs: ['"><b>'] });
    await pipeline.kept(marks.at(-1)!.split(" ")[0]!);
    await logIn();
    for (const text of marks) {
      const post = article(text.split(" ")[0]!);
      await post.waitFor();
      expect(await post.locator(".text p").textContent()).toBe(text);
      await post.getByRole("button", { name: "Why" }).click();
      expect(await post.locator("script, iframe, style, img, svg[onload], [onerror], [onmouseover], a[href^='javascript']").count()).toBe(0);
    }
    expect(await page.evaluate("window.hurt")).toBeUndefined();
  });

  test("a gap is said, and reading anew mends it", async () => {
    await logIn();
    const word = unique("before");
    pipeline.post({ text: `coffee ${word}` });
    await pipeline.kept(word);
    // A line that tells of a gap and ends; the page goes on from behind it.
    await page.route(/\/v1\/stream$/, async (route) => {
      const next = route.request().headers()["last-event-id"]!;
      const gap = { after: next, next, from: "2026-01-01T10:00:00.000Z", to: "2026-01-01T11:00:00.000Z" };
      await route.fulfill({ contentType: "text/event-stream", body: `id: ${next}\nevent: gap\ndata: ${JSON.stringify(gap)}\n\n` });
    }, { times: 1 });
    await page.reload();
    await article(word).waitFor();
    const news = unique("behind");
    await until("something new", async () => {
      pipeline.post({ text: `coffee ${news}` });
      return page.locator(".pill").waitFor({ timeout: 1000 }).then(() => true, () => false);
    });
    await page.locator(".pill").click();
    await page.getByText("Something is missing here").waitFor();
    await page.getByRole("button", { name: "Read anew" }).first().click();
    await page.getByText("Something is missing here").first().waitFor({ state: "detached" });
    await article(news).first().waitFor();
  });

  test("is read by keyboard", async () => {
    const word = unique("keys");
    pipeline.post({ text: `coffee ${word}`, url: "https://img.example/" });
    await pipeline.kept(word);
    await logIn();
    await article(word).waitFor();
    await page.locator("body").press("j");
    expect(await page.evaluate("document.activeElement.className")).toBe("post");
    await page.keyboard.press("w");
    await article(word).getByText("in the text").waitFor();
    await page.keyboard.press("j");
    expect(await article(word).evaluate((e) => e === document.activeElement)).toBe(false);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
});

test("the api is killed and started again: the page says so, recovers, and misses nothing", async () => {
  const port = await freePort();
  let api = await pipeline.api(port);
  try {
    const [before, doomed] = [unique("before"), unique("doomed")];
    pipeline.post({ text: `coffee ${before}` });
    const key = pipeline.post({ text: `coffee ${doomed}` });
    await pipeline.kept(doomed);
    await logIn(`http://127.0.0.1:${port}`);
    await article(doomed).waitFor();
    await api.kill();
    await page.getByText("Not connected.").first().waitFor();
    const missed = [unique("missed"), unique("missed"), unique("missed")];
    for (const word of missed) pipeline.post({ text: `coffee ${word}` });
    pipeline.delete(key);
    await pipeline.kept(missed[2]!);
    expect(await article(before).count()).toBe(1); // what was read stays to be read
    api = await pipeline.api(port);
    await page.getByRole("button", { name: "3 new posts" }).click();
    for (const word of missed) expect(await article(word).count()).toBe(1);
    await article(doomed).waitFor({ state: "detached" });
    await page.getByText("Live", { exact: true }).waitFor();
    expect(await page.getByText("Not connected.").count()).toBe(0);
  } finally {
    await api.kill();
  }
});

test("the api is paused: every page says so, goes on by itself, misses nothing and doubles nothing", async () => {
  const [before, doomed] = [unique("before"), unique("doomed")];
  const first = pipeline.post({ text: `coffee ${before}` });
  const second = pipeline.post({ text: `coffee ${doomed}` });
  await pipeline.kept(doomed);
  await logIn();
  await article(doomed).waitFor();
  const reader = await another(looks["phone-dark"]);
  const { token } = await pipeline.ask<{ token: string }>("POST", "/v1/tokens", { scopes: ["read"] });
  await reader.goto(pipeline.base);
  await fillIn(reader, token);
  await live(reader);
  const [link, plainLink] = [await pipeline.login("read,write,admin"), await pipeline.login("read,write")];

  const matches = await pipeline.matched();
  // The admin's page is told to come back so late that only what the status tells can wake it.
  await page.route(/\/v1\/stream$/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, headers: { ...answer.headers(), "retry-after": "3600" } });
  }, { times: 1 });
  await pipeline.pause("api", "moving the disk");
  onTestFinished(() => pipeline.resume("api").then(() => {}));
  await reader.getByText("Down for maintenance.").waitFor();
  // Who may look at the pipeline is told who paused it, since when, until when and why.
  await page.getByText("The api is paused").waitFor();
  await page.getByText("Maintenance", { exact: true }).waitFor();
  expect(await page.locator(".notices").innerText()).toMatch(/^The api is paused by \S.* since \d\d:\d\d until .*\d\d:\d\d: moving the disk\. Nobody gets posts/);
  expect(await reader.locator(".notices").innerText()).toContain("Nothing is lost");
  expect(await article(before).count()).toBe(1); // what was read stays to be read
  await shot("paused-1-an-admin-who-reads");
  await reader.screenshot({ path: `${shots}/paused-2-a-reader.png` });

  // Pages that are opened meanwhile: an admin's, a reader's, a stranger's, and two by a link.
  const admin = await open.newPage();
  errors(admin, complaints);
  await admin.goto(pipeline.base);
  await admin.getByText("Logged in as an admin").waitFor();
  await admin.getByText("The api is paused").waitFor();
  await admin.screenshot({ path: `${shots}/paused-3-an-admin-who-comes.png` });
  const late = await reader.context().newPage();
  errors(late, complaints);
  await late.goto(pipeline.base);
  await late.getByRole("heading", { name: "Down for maintenance" }).waitFor();
  await late.screenshot({ path: `${shots}/paused-4-a-reader-who-comes.png` });
  const stranger = await another();
  await stranger.goto(pipeline.base);
  await fillIn(stranger, token);
  const linked = await another(looks["phone-light"]);
  await linked.goto(link);
  const plain = await another();
  await plain.goto(plainLink);
  for (const p of [stranger, linked, plain]) await p.getByRole("heading", { name: "Down for maintenance" }).waitFor();
  expect(linked.url()).toBe(pipeline.base + "/");
  await linked.getByText("The api is paused").waitFor();
  await linked.screenshot({ path: `${shots}/paused-5-who-came-by-a-link.png` });

  const missed = [unique("missed"), unique("missed"), unique("missed")];
  pipeline.delete(second);
  pipeline.post({ id: first.slice("test:".length), text: `coffee ${before} edited`, version: "2" });
  for (const word of missed) pipeline.post({ text: `coffee ${word}` });
  await until("three matches more", async () => (await pipeline.matched()) >= matches + missed.length);
  for (const word of [...missed, `${before} edited`]) expect(await article(word).count()).toBe(0);

  await pipeline.resume("api");
  for (const p of [page, reader]) {
    await p.getByRole("button", { name: "3 new posts" }).click();
    await live(p);
    await article(doomed, p).waitFor({ state: "detached" });
    expect(await p.getByText("maintenance").count()).toBe(0);
    expect(await p.getByText("The api is paused").count()).toBe(0);
  }
  await admin.getByText("Logged in as me").waitFor();
  for (const p of [admin, late, stranger, linked, plain]) await live(p);
  for (const p of [page, reader, admin, late, stranger, linked, plain]) {
    for (const word of [...missed, `${before} edited`]) {
      await article(word, p).first().waitFor();
      expect(await article(word, p).count()).toBe(1);
    }
    expect(await article(doomed, p).count()).toBe(0);
  }
});

test("a login link waits for a server that is away, and is used up once", async () => {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  let api = await pipeline.api(port);
  onTestFinished(() => api.kill());
  const link = await pipeline.login("read,write", base);
  const code = /rfc_\w+/.exec(link)![0];
  const sent: string[] = [];
  open.on("request", (r) => sent.push(`${r.method()} ${r.url()} ${JSON.stringify(r.headers())}`));
  const stored = () => page.evaluate("JSON.stringify([document.cookie, document.title, localStorage, sessionStorage])");

  const holder = await pipeline.hold();
  onTestFinished(() => holder.end());
  await page.goto(link);
  await page.getByRole("heading", { name: "Down for maintenance" }).waitFor();
  await page.getByText("Your login link is not used up").waitFor();
  await shot("link-waits-for-the-store");
  expect(page.url()).toBe(link); // a reload finds it
  await page.reload();
  await page.getByText("Your login link is not used up").waitFor();
  await api.kill();
  await page.getByRole("button", { name: "Try now" }).click();
  await page.getByText("The server cannot be reached").waitFor();
  await page.getByText("Your login link is not used up").waitFor();
  expect(await stored()).not.toContain(code);
  await holder.end();
  const logs = api.printed;
  api = await pipeline.api(port);
  await live(page);

  expect(page.url()).toBe(base + "/");
  const { entries } = await (await open.newCDPSession(page)).send("Page.getNavigationHistory");
  expect(entries.map((e) => e.url)).toEqual(["about:blank", base + "/"]);
  expect(await stored()).not.toContain(code);
  expect(sent.filter((s) => s.includes("/v1/session")).length).toBeGreaterThan(2);
  expect(sent.filter((s) => s.includes(code) || /referer/i.test(s))).toEqual([]);
  expect(logs + api.printed).toContain("/v1/session");
  expect(logs + api.printed).not.toContain(code);

  // Once is once: here one stays who one was, elsewhere nobody gets in by it.
  await page.evaluate((hash) => (location.hash = hash), code);
  await page.getByText("You are still logged in as me").waitFor();
  expect(page.url()).toBe(base + "/");
  const other = await another();
  await other.goto(link);
  await other.getByText("unknown, used or older than 10 minutes").waitFor();
  expect(other.url()).toBe(base + "/");
});

test("the filter is paused with a reason, which is said, and goes on", async ({ onTestFinished }) => {
  onTestFinished(() => pipeline.ask("POST", "/v1/stages/filter/resume").then(() => {}));
  await logIn();
  await go("Pipeline");
  await page.getByRole("button", { name: "Pause the filter" }).click();
  await page.getByLabel("Reason").fill("moving the disk");
  await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
  await page.getByText("The filter is paused").waitFor();
  expect(await page.locator(".notices").textContent()).toContain("moving the disk");
  // At once, though the filter itself says so with its next sign of life.
  expect(await page.locator(".node").filter({ hasText: "Filter" }).locator(".state-line").innerText()).toMatch(/pausing…|paused/);
  await until("the filter says so itself", async () => (await pipeline.ask<{ stages: { stage: string; state: string }[] }>("GET", "/v1/status")).stages.some((s) => s.stage === "filter" && s.state === "paused"));
  await go("Stream");
  await page.getByText("The filter is paused").waitFor();
  const word = unique("waiting");
  pipeline.post({ text: `coffee ${word}` });
  await until("it waits", async () => (await pipeline.ask<{ buffer: { events: number } }>("GET", "/v1/status")).buffer.events > 0);
  await go("Pipeline");
  await page.getByRole("button", { name: "Resume the filter" }).click();
  await page.getByText("The filter is paused").waitFor({ state: "detached" });
  await pipeline.kept(word);
});

test("who has but a keyboard stays where they are, and a view is read from its top", async () => {
  await open.close();
  open = await context(browser, { viewport: { width: 1280, height: 500 } });
  page = await newPage(open);
  await logIn();
  const focused = () => page.evaluate("(document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText).replace(/\\s+/g, ' ').trim()");
  const has = (name: string) => until(`the focus at ${name}`, async () => (await focused()) === name);
  await go("Rules");
  const word = unique("board");
  await page.getByRole("link", { name: "New rule" }).press("Enter");
  await page.getByLabel("Rule", { exact: true }).waitFor();
  await page.keyboard.type(word);
  await page.keyboard.press("Enter");
  await has(`Rule ${word}`);
  const card = page.getByRole("article", { name: `Rule ${word}` });
  expect(await card.evaluate((e) => e.getBoundingClientRect().bottom <= innerHeight)).toBe(true);
  await page.keyboard.press("Tab"); // its switch
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter"); // edit
  await page.getByRole("button", { name: "Cancel" }).press("Enter");
  await has(`Rule ${word}`);
  await page.getByRole("link", { name: "New rule" }).press("Enter");
  await page.getByRole("button", { name: "Cancel" }).press("Enter");
  await has("New rule");

  await card.scrollIntoViewIfNeeded();
  await until("a view that is scrolled", () => page.evaluate<boolean>("scrollY > 100"));
  await go("Pipeline");
  await page.getByRole("heading", { name: "Pipeline" }).waitFor();
  expect(await page.evaluate("scrollY")).toBe(0);
  onTestFinished(() => pipeline.resume("filter").then(() => {}));
  await page.getByRole("button", { name: "Pause the filter" }).press("Enter");
  await page.getByLabel("Reason").press("Enter");
  await has("Resume the filter");
  await page.keyboard.press("Enter");
  await has("Pause the filter");
});

test("what belongs together stands in line", async () => {
  await logIn();
  await page.goto(pipeline.base + "/#/rules?new=1");
  const top = async (text: string) => (await page.getByText(text, { exact: true }).boundingBox())!.y;
  expect(await top("Tag")).toBeCloseTo(await top("What it does"), 0);

  const word = unique("wrapped");
  pipeline.post({ text: `coffee ${word}`, author: { id: "u9", handle: "somebody.with.a.long.name.example", name: "Wrapped" } });
  await pipeline.kept(word);
  const narrow = await another(looks["phone-light"]);
  await narrow.goto(pipeline.base);
  await fillIn(narrow);
  await article(word, narrow).waitFor();
  // The handle takes a line; what begins the next stands below it, and no dot is left at the end of one.
  const lines = await article(word, narrow).locator(".where > span").evaluateAll((spans) => spans.map((s) => {
    const { left, top } = s.getBoundingClientRect();
    return { left: left + parseFloat(getComputedStyle(s).paddingLeft), top, after: getComputedStyle(s, "::after").content };
  }));
  const name = (await article(word, narrow).locator(".who").boundingBox())!.x;
  const begin = lines.filter((l, i) => i === 0 || l.top > lines[i - 1]!.top);
  expect(begin.length).toBe(2);
  for (const { left } of begin) expect(left).toBeCloseTo(name, 0);
  expect(lines.map((l) => l.after)).toEqual(lines.map(() => "none"));
  await narrow.screenshot({ path: `${shots}/phone-wrapped.png` });
});

describe("rules", () => {
  test("are switched off, deleted, and brought back", async () => {
    const word = unique("undo");
    await pipeline.ask("POST", "/v1/rules", { value: word, tag: word, action: "drop" });
    await logIn();
    await go("Rules");
    const card = page.getByRole("article", { name: `Rule ${word}` });
    await card.getByRole("switch").click();
    await card.getByText("off", { exact: true }).waitFor();
    const stored = async () => (await pipeline.ask<{ value: string; enabled: boolean; action: string }[]>("GET", "/v1/rules")).find((r) => r.value === word);
    await until("it is off", async () => (await stored())?.enabled === false);
    await card.getByRole("button", { name: "Delete" }).click();
    await card.waitFor({ state: "detached" });
    expect(await stored()).toBeUndefined();
    await page.getByRole("button", { name: "Undo" }).click();
    await card.waitFor();
    expect(await stored()).toMatchObject({ enabled: false, action: "drop" });
  });

  test("are previewed while they are typed, and tried on a text", async () => {
    const word = unique("preview");
    pipeline.post({ text: `coffee with ${word} ☕` });
    await pipeline.kept(word);
    await logIn();
    await page.goto(pipeline.base + "/#/rules?new=1");
    await page.getByLabel("Rule", { exact: true }).fill(`☕ ${word}`);
    await page.locator(".sample", { hasText: word }).waitFor();
    expect(await page.locator(".sample mark").allTextContents()).toEqual([word, "☕"]);
    await page.getByLabel("Try it on a text of your own").fill("tea without it");
    await page.getByText("It does not match this post").waitFor();
    expect(await page.locator(".tryout u").allTextContents()).toEqual([`☕`, word]);
  });

  test("are previewed when other previews of the same user are done, with no word of it", async () => {
    const own = await Pipeline.start();
    onTestFinished(() => own.end());
    // What takes a preview about a second, with the rule below: a turn is waited for for two.
    for (let i = 0; i < 100; i++) own.post({ text: `coffee number ${i}, and nothing else to speak of. `.repeat(60) });
    own.post({ text: "a kitten at last" });
    await own.kept("a kitten at last");
    await page.goto(own.base);
    await fillIn(page, own.token);
    await live(page);
    await page.goto(own.base + "/#/rules?new=1");
    let refused = 0;
    page.on("response", (r) => {
      if (r.url().endsWith("/v1/rules/preview") && r.status() === 429) refused++;
    });
    // Other tabs, which want more than the server bears.
    let wanted = true;
    const others = Array.from({ length: 20 }, async () => {
      while (wanted) await own.ask("POST", "/v1/rules/preview", { value: "/([a-z ]{1,30}){10}[0-9]{9}/" }).catch(() => {});
    });
    try {
      await until("no turn for the page", async () => {
        const answered = page.waitForResponse(/rules.preview$/);
        const field = page.getByLabel("Rule", { exact: true });
        await field.fill((await field.inputValue()) === "kitten last" ? "last kitten" : "kitten last");
        await answered;
        return refused > 0;
      });
      expect(await page.locator(".editor .wrong").count()).toBe(0);
    } finally {
      wanted = false;
      await Promise.all(others);
    }
    await page.locator(".sample", { hasText: "a kitten at last" }).waitFor();
    expect(await page.locator(".editor .wrong").count()).toBe(0);
  });

  test("that mean the same as another are refused with a reason", async () => {
    await logIn();
    await page.goto(pipeline.base + "/#/rules?new=1");
    await page.getByLabel("Rule", { exact: true }).fill("GIVEAWAY OR airdrop");
    await page.getByText(/This means the same as your rule \d+: /).waitFor();
    expect(await page.getByRole("button", { name: "Add the rule" }).isDisabled()).toBe(true);
  });

  test("go out as a file and come in again", async () => {
    const word = unique("file");
    await pipeline.ask("POST", "/v1/rules", { value: word, tag: "filed", action: "keep" });
    await logIn();
    await go("Rules");
    await page.getByRole("article", { name: "Rule filed" }).waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export" }).click()]);
    const file = readFileSync(await download.path(), "utf8");
    expect(JSON.parse(file)).toContainEqual({ value: word, tag: "filed", action: "keep", enabled: true });
    await page.getByRole("article", { name: "Rule filed" }).getByRole("button", { name: "Delete" }).click();
    await page.getByRole("article", { name: "Rule filed" }).waitFor({ state: "detached" });
    await page.locator("input[type=file]").setInputFiles({ name: "rules.json", mimeType: "application/json", buffer: Buffer.from(file) });
    await page.getByText("1 rule added").waitFor();
    await page.getByRole("article", { name: "Rule filed" }).waitFor();
  });
});

test("dead letters are looked at, retried and dropped", async () => {
  await logIn();
  const word = unique("coffee ");
  await pipeline.dead(`${word} <img src=x onerror=alert(1)>`, "second");
  await go("Pipeline");
  const section = page.getByRole("region", { name: "3 dead letters" });
  await section.getByText("The store refuses it").first().waitFor();
  const letter = (name: string) => page.getByRole("region", { name: "dead letter" }).getByRole("listitem").filter({ hasText: name });
  await letter("test:dead0").getByRole("button", { name: "Look" }).click();
  await letter("test:dead0").getByText("<img src=x onerror=alert(1)>").waitFor();

  await letter("damaged").getByRole("button", { name: "Retry" }).click();
  await page.getByText("cannot be read, so no filter could").waitFor();
  await letter("damaged").getByRole("button", { name: "Drop" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Keep it" }).click();
  expect(await letter("damaged").count()).toBe(1);
  await letter("damaged").getByRole("button", { name: "Drop" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Drop", exact: true }).click();
  await page.getByText("Dropped.").waitFor();
  await until("the letter gone", async () => (await letter("damaged").count()) === 0);

  await letter("test:dead0").getByRole("button", { name: "Retry" }).click();
  await page.getByText("Put back into the buffer").waitFor();
  await go("Stream");
  await see(word);
  expect((await pipeline.ask<{ key: string }[]>("GET", "/v1/dead-letters")).map((d) => d.key)).toEqual(["test:dead1"]);
});

test("a feed link is made and read, a token made and revoked", async () => {
  await logIn();
  await go("Feeds");
  await page.getByRole("button", { name: "Make a feed link" }).click();
  const link = await page.getByLabel("Feed link", { exact: true }).inputValue();
  const feed = await fetch(link);
  expect([feed.status, feed.headers.get("Content-Type")]).toEqual([200, expect.stringContaining("atom")]);
  await page.getByLabel("Format").selectOption("json");
  expect((await fetch(await page.getByLabel("Feed link", { exact: true }).inputValue())).status).toBe(200);

  await page.getByRole("button", { name: "Make a token" }).click();
  const token = await page.getByLabel("New token").inputValue();
  const me = () => fetch(pipeline.base + "/v1/me", { headers: { Authorization: `Bearer ${token}` } });
  expect((await me()).status).toBe(200);
  const row = page.getByRole("listitem").filter({ hasText: token.slice(0, 8) });
  await row.getByRole("button", { name: "Revoke" }).click();
  await row.getByRole("button", { name: "Revoke for good" }).click();
  await until("it is refused", async () => (await me()).status === 401);
});

test("logging out, and a token that is revoked, end in the form with a reason", async () => {
  await page.goto(pipeline.base);
  await page.getByLabel("Login link or token").fill("rfl_nonsense");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("mistyped or cut").waitFor();
  await logIn();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("You are logged out").waitFor();
  expect(await open.cookies()).toEqual([]);

  const { token, id } = await pipeline.ask<{ token: string; id: string }>("POST", "/v1/tokens", { scopes: ["read"] });
  await page.getByLabel("Login link or token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  expect(await page.getByRole("link", { name: "Pipeline" }).count()).toBe(0);
  await pipeline.ask("DELETE", `/v1/tokens/${id}`);
  await page.getByText("Your session has ended").waitFor();
});
