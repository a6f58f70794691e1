import { afterEach, expect, test, vi } from "vitest";
import { flooded, loadRules, rules, saveRule } from "./rules";

const rule = (id: string, more = {}) => ({ id, value: "v" + id, tag: "", action: "keep", enabled: true, flooded_at: null, ...more });
const answer = (data: unknown) => new Response(JSON.stringify({ summary: {}, data, error: null }));

afterEach(() => {
  vi.unstubAllGlobals();
  rules.value = null;
});

test("an answer that was asked for before a change is not taken", async () => {
  let tell = (_: Response) => {};
  const answers = [new Promise<Response>((done) => (tell = done)), answer(rule("2")), answer([rule("1"), rule("2")])];
  vi.stubGlobal("fetch", async () => answers.shift());
  const loading = loadRules();
  await saveRule({ value: "v2", tag: "", action: "keep", enabled: true });
  tell(answer([rule("1")]));
  await loading;
  expect(rules.value!.map((r) => r.id)).toEqual(["1", "2"]);
});

test("flooded are rules that were switched off, until they are on again", () => {
  const at = "2026-08-01T12:00:00.000Z";
  rules.value = [rule("1"), rule("2", { enabled: false }), rule("3", { enabled: false, flooded_at: at }), rule("4", { flooded_at: at })] as never;
  expect(flooded.value.map((r) => r.id)).toEqual(["3"]);
});
