// The two pictures of README.md: look at web/shots/readme-*.png, and copy them to
// docs/page-*.png where the page looks otherwise by now.

import type { Browser } from "playwright-core";
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { context, launch, looks } from "./browser";
import { patience, Pipeline } from "./pipeline";
import { showcase } from "./posts";

const shots = resolve(import.meta.dirname, "../shots");

let pipeline: Pipeline;
let browser: Browser;

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [pipeline, browser] = await Promise.all([Pipeline.start(), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await pipeline?.end();
});

/** enter opens the page with a link. */
async function enter(look: string) {
  const c = await context(browser, looks[look]!);
  const page = await c.newPage();
  page.setDefaultTimeout(patience);
  await page.goto(await pipeline.login("read,write,admin"));
  await page.getByText("Live", { exact: true }).waitFor();
  return page;
}

test("the pictures of README.md", async () => {
  // These two in front, the last one first: what is posted at once may stand in any order.
  const front = ["reply", "quote"].map((kind) => showcase.find((p) => p.kind === kind)!);
  for (const post of showcase.filter((p) => !front.includes(p))) pipeline.post(post);
  for (const post of [showcase.at(-1)!, ...front]) {
    if (front.includes(post)) pipeline.post(post);
    await pipeline.kept(String(post.text));
  }

  const desk = await enter("desk-light");
  const post = desk.getByRole("article").filter({ hasText: "best hotel" });
  await post.getByRole("button", { name: "Why" }).click();
  await post.getByText("in the quoted post").waitFor();
  for (const text of ["One more coffee, and then to work.", "A kitten has the keyboard now."]) pipeline.post({ text, author: { id: "m9", handle: "tilda.example", name: "Tilda" } });
  await desk.getByRole("button", { name: "2 new posts" }).waitFor();
  await desk.mouse.move(0, 0);
  await desk.screenshot({ path: `${shots}/readme-stream.png`, animations: "disabled" });

  const phone = await enter("phone-dark");
  await phone.goto(pipeline.base + "/#/rules?new=1");
  await phone.getByLabel("Rule", { exact: true }).fill('"night train" OR sleeper');
  await phone.getByLabel("Tag").fill("trains");
  await phone.locator(".sample").nth(1).waitFor();
  expect(await phone.locator(".mistakes li").count()).toBe(0);
  await phone.screenshot({ path: `${shots}/readme-rules.png`, animations: "disabled" });
  await Promise.all([desk, phone].map((p) => p.context().close()));
});
