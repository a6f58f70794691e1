// Every view in every state, on a phone and on a desk, light and dark: accessible,
// within its width, and kept as a picture in web/shots to be looked at.

import type { Browser, Page } from "playwright-core";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { context, errors, launch, looks } from "./browser";
import { patience, Pipeline, until, type Running } from "./pipeline";
import { showcase } from "./posts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = resolve(import.meta.dirname, "../shots");

let pipeline: Pipeline;
let browser: Browser;
/** holder keeps the store away for a state. */
let holder: Running;
/** reader is a token of somebody who may not look at the pipeline. */
let reader: string;

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [pipeline, browser] = await Promise.all([Pipeline.start(), launch()]);
  for (const post of showcase) pipeline.post(post);
  await pipeline.kept("sleeper");
  reader = (await pipeline.ask<{ token: string }>("POST", "/v1/tokens", { scopes: ["read", "write"] })).token;
});
afterAll(async () => {
  await browser?.close();
  await pipeline?.end();
});

interface Violation {
  id: string;
  help: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** inaccessible lists what axe finds, in words. */
async function inaccessible(page: Page): Promise<string[]> {
  const found = await page.evaluate<Violation[]>("axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations)");
  return found.flatMap((v) => v.nodes.map((n) => `${v.id} (${v.help}): ${n.target.join(" ")}: ${n.failureSummary}`));
}

const envelope = (data: unknown, summary: unknown = {}) => ({ json: { summary, data, error: null } });

/** flooded has the page told that a rule was switched off since it kept too much. */
async function flooded(page: Page) {
  const rules = await pipeline.ask<{ tag: string }[]>("GET", "/v1/rules");
  await page.route(/\/v1\/rules$/, (route) => route.fulfill(envelope(rules.map((r) => (r.tag === "coffee" ? { ...r, enabled: false, flooded_at: new Date().toISOString() } : r)))));
}

type State = [name: string, enter: (page: Page) => Promise<unknown>];

/** hash opens a view anew. */
async function hash(page: Page, to: string) {
  await page.goto("about:blank");
  await page.goto(`${pipeline.base}/#/${to}`);
}

/** as has the page's next requests made by whose token it is. */
async function as(page: Page, token: string) {
  const answer = await page.request.post(`${pipeline.base}/v1/session`, { data: { token } });
  expect(answer.status()).toBe(201);
}

const live = (page: Page) => page.getByText("Live", { exact: true }).waitFor();
const rule = (page: Page) => page.getByLabel("Rule", { exact: true });

const states: State[] = [
  ["login", async (page) => {
    await page.goto(pipeline.base);
    await page.getByRole("heading", { name: "Log in" }).waitFor();
  }],
  ["login-refused", async (page) => {
    await page.getByLabel("Login link or token").fill("rfl_nonsense");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("mistyped or cut").waitFor();
  }],
  ["stream", async (page) => {
    await page.getByLabel("Login link or token").fill(pipeline.token);
    await page.getByRole("button", { name: "Log in" }).click();
    await live(page);
    await page.getByRole("article").first().waitFor();
  }],
  ["stream-why", (page) => page.getByRole("article").filter({ hasText: "kitten" }).first().getByRole("button", { name: "Why" }).click()],
  ["stream-new", async (page) => {
    pipeline.post({ text: "One more coffee, and then to work.", author: { id: "m9", handle: "tilda.example", name: "Tilda" }, url: "https://bsky.example/t" });
    await page.locator(".pill").waitFor();
  }],
  ["stream-by-tag", async (page) => {
    await page.getByRole("button", { name: "By tag" }).click();
    await page.getByRole("region", { name: "coffee" }).waitFor();
  }],
  ["stream-nothing", async (page) => {
    await page.getByRole("button", { name: "By tag" }).click();
    await hash(page, "?tag=nothing");
    await page.getByText("Nothing tagged nothing yet").waitFor();
  }],
  ["stream-no-rules", async (page) => {
    await page.route(/\/v1\/rules$/, (route) => route.fulfill(envelope([])));
    await page.route(/\/v1\/matches/, async (route) => route.fulfill(envelope([], { ...((await (await route.fetch()).json()) as { summary: object }).summary, prev: null })));
    await hash(page, "");
    await page.getByText("Write your first rule").waitFor();
  }],
  ["stream-loading", async (page) => {
    await page.route(/\/v1\/matches/, () => {});
    await hash(page, "");
    await page.locator(".skeleton").first().waitFor();
  }],
  ["stream-maintenance", async (page) => {
    await hash(page, "");
    await live(page);
    await pipeline.pause("api", "moving the database to a larger disk");
    await page.getByText("The api is paused").waitFor();
    await page.getByText("Maintenance", { exact: true }).waitFor();
  }],
  ["stream-maintenance-unread", async (page) => {
    await page.getByRole("navigation", { name: "Tags" }).getByRole("link", { name: "cats" }).click();
    await page.getByRole("heading", { name: "Down for maintenance" }).waitFor();
  }],
  ["starting-maintenance-admin", async (page) => {
    await hash(page, "");
    await page.getByText("Logged in as an admin").waitFor({ state: "attached" });
    await page.getByText("The api is paused").waitFor();
  }],
  ["starting-maintenance", async (page) => {
    await as(page, reader);
    await hash(page, "");
    await page.getByRole("heading", { name: "Down for maintenance" }).waitFor();
  }],
  ["stream-maintenance-over", async (page) => {
    await pipeline.resume("api");
    await until("the api answers", () => pipeline.ask("GET", "/v1/me").then(() => true, () => false)); // it hears of the switch a little later
    await page.getByRole("button", { name: "Try now" }).click();
    await live(page);
    await as(page, pipeline.token);
  }],
  ["starting-link", async (page) => {
    const link = await pipeline.login("read,write,admin");
    holder = await pipeline.hold();
    await page.goto("about:blank");
    await page.goto(link);
    await page.getByText("Your login link is not used up").waitFor();
  }],
  ["starting-link-over", async (page) => {
    await holder.end();
    await live(page);
  }],
  ["stream-gap", async (page) => {
    await page.route(/\/v1\/stream$/, async (route) => {
      const next = route.request().headers()["last-event-id"]!;
      const gap = { after: next, next, from: "2026-01-01T10:00:00.000Z", to: "2026-01-01T11:00:00.000Z" };
      const post = { id: "news", change: "new", event: { key: "k:1", text: "Back again, with coffee.", author: { handle: "ann" } }, rules: [{ id: "1", tag: "coffee", spans: [{ field: "text", start: 17, end: 23 }] }], matched_at: new Date().toISOString() };
      await route.fulfill({ contentType: "text/event-stream", body: `id: ${next}\nevent: gap\ndata: ${JSON.stringify(gap)}\n\nid: ${next}\nevent: new\ndata: ${JSON.stringify(post)}\n\n` });
    }, { times: 1 });
    await hash(page, "");
    await page.locator(".pill").click();
    await page.getByText("Something is missing here").waitFor();
  }],
  ["stream-flooded", async (page) => {
    await flooded(page);
    await hash(page, "");
    await page.getByText("A rule was switched off").waitFor();
  }],
  ["rules-flooded", async (page) => {
    await page.getByRole("link", { name: "Look at it" }).click();
    await rule(page).waitFor();
    await flooded(page);
    await hash(page, "rules");
    await page.getByText("flooded", { exact: true }).waitFor();
  }],
  ["stream-offline", async (page) => {
    await live(page);
    await page.route(/\/v1\/(stream|status)/, (route) => route.abort());
    await hash(page, "");
    await page.getByText("Not connected.").first().waitFor();
  }],
  ["rules", async (page) => {
    await hash(page, "rules");
    await page.getByRole("article", { name: "Rule coffee" }).waitFor();
  }],
  ["rules-new", async (page) => {
    await page.getByRole("link", { name: "New rule" }).click();
    await rule(page).waitFor();
  }],
  ["rules-wrong", async (page) => {
    await rule(page).fill('kitten OR frm:ann OR "night train');
    await page.locator(".mistakes .bad").first().waitFor();
  }],
  ["rules-preview", async (page) => {
    await rule(page).fill('kitten or "night train" OR 커피');
    await page.locator(".sample").first().waitFor();
    await page.getByLabel("Try it on a text of your own").fill("a kitty in the night");
    await page.getByText("It does not match").waitFor();
  }],
  ["access", async (page) => {
    await hash(page, "access");
    await page.getByRole("list", { name: "Tokens and sessions" }).waitFor();
  }],
  ["access-made", async (page) => {
    await page.getByRole("button", { name: "Make a feed link" }).click();
    await page.getByLabel("Feed link", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Revoke" }).first().click();
  }],
  ["pipeline", async (page) => {
    await hash(page, "pipeline");
    await page.getByRole("button", { name: "Pause the filter" }).waitFor();
    if (page.viewportSize()!.width > 1000) await until("two samples", () => page.locator("path.s0").first().getAttribute("d").then((d) => d!.includes("L")));
  }],
  ["pipeline-hour", async (page) => {
    await page.route(/\/v1\/status$/, async (route) => {
      const answer = (await (await route.fetch()).json()) as { data: { now: string } };
      const point = (m: number) => ({ at: new Date(Date.parse(answer.data.now) - m * 60_000).toISOString(), ingested: 410 + 80 * Math.sin(m / 7), judged: 400 + 70 * Math.sin(m / 7 + 0.2), matched: 6 + 3 * Math.cos(m / 5), events: 20 + (m % 9), lag_ms: 300 + 40 * (m % 9) });
      const told = Array.from({ length: 60 }, (_, i) => 59 - i).filter((m) => m < 22 || m === 26 || m > 30).map(point);
      await route.fulfill({ json: { ...answer, data: { ...answer.data, history: told } } });
    });
    await hash(page, "pipeline");
    // The minutes without a point are holes, and the one between them is a dot.
    const strokes = (path: string) => page.locator(path).first().getAttribute("d").then((d) => d!.split("M").length - 1);
    await until("two strokes", async () => (await strokes("path.s0")) === 2);
    expect(await strokes("path.s0.alone")).toBe(1);
    await page.getByRole("heading", { name: "The last hour" }).scrollIntoViewIfNeeded();
  }],
  ["pipeline-dead", async (page) => {
    if (!(await pipeline.ask<unknown[]>("GET", "/v1/dead-letters")).length) await pipeline.dead("A post that was too odd for the database 💡", "Another one");
    const letter = page.getByRole("listitem").filter({ hasText: "test:dead0" });
    await letter.getByRole("button", { name: "Look" }).click();
    await letter.getByText("too odd for the database").waitFor();
    await page.getByRole("region", { name: "dead letters" }).scrollIntoViewIfNeeded();
  }],
  ["pipeline-dropping", (page) => page.getByRole("listitem").filter({ hasText: "damaged" }).getByRole("button", { name: "Drop" }).click()],
  ["pipeline-pausing", async (page) => {
    if (await page.getByRole("dialog").count()) await page.getByRole("button", { name: "Keep it" }).click();
    await page.getByRole("button", { name: "Pause the filter" }).click();
    await page.getByLabel("Reason").fill("moving the database to a larger disk");
  }],
  ["pipeline-paused", async (page) => {
    await page.getByLabel("How long").selectOption("1h");
    await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
    await page.getByText("The filter is paused").waitFor();
  }],
  ["stream-paused", async (page) => {
    await hash(page, "");
    await page.getByText("The filter is paused").waitFor();
    await pipeline.ask("POST", "/v1/stages/filter/resume");
  }],
];

/** judged are the states that axe looks at: each view once as it is read, and once with all that can be opened in it. */
const judged = new Set([
  "login-refused", "stream-why", "stream-by-tag", "stream-nothing", "stream-maintenance", "stream-maintenance-unread", "starting-maintenance", "starting-link", "stream-gap", "stream-flooded", "rules-flooded", "stream-offline",
  "rules", "rules-wrong", "rules-preview", "access-made", "pipeline", "pipeline-dead", "pipeline-dropping", "pipeline-pausing", "stream-paused",
]);

// Each state is entered once a width: light and dark are two looks at the same page.
describe.each(["phone", "desk"])("%s", (width) => {
  test("every view in every state", { timeout: 4 * patience }, async () => {
    onTestFinished(() => pipeline.resume("api").then(() => {})); // where one state fails, the next width begins as this one did
    const c = await context(browser, looks[`${width}-light`]);
    await c.addInitScript({ content: axe });
    const page = await c.newPage();
    page.setDefaultTimeout(patience);
    const complaints = errors(page);
    const wrong: string[] = [];
    // Colours and words are the same on phone and desk: axe looks at each theme once.
    const judgedTheme = width === "desk" ? "light" : "dark";
    for (const [state, enter] of states) {
      await page.unrouteAll({ behavior: "ignoreErrors" });
      await enter(page).catch((error) => {
        throw new Error(`${state}: ${error}`);
      });
      for (const theme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme: theme });
        await page.evaluate("Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished))");
        await page.screenshot({ path: `${shots}/${state}-${width}-${theme}.png` });
        if (theme === judgedTheme && judged.has(state)) wrong.push(...(await inaccessible(page)).map((v) => `${state}: ${v}`));
      }
      const over = await page.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      if (over > 0) wrong.push(`${state}: ${over} px wider than the window`);
    }
    await c.close();
    expect([...wrong, ...complaints]).toEqual([]);
  });
});
