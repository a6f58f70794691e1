import { expect, test } from "vitest";
import { draftsIn, fileOf } from "./rulefile";

const rule = (value: string, more = {}) => ({ value, tag: "", action: "keep" as const, enabled: true, ...more });

test("what is exported can be imported", () => {
  const rules = [rule('"a b" OR #ü', { tag: "x" }), rule("spam", { action: "drop", enabled: false })];
  expect(draftsIn(fileOf(rules))).toEqual(rules);
});

test.each([
  ["an answer of the API", '{"summary":{},"data":[{"id":"1","value":"cat","tag":"t"}],"error":null}', [rule("cat", { tag: "t" })]],
  ["X's form", '{"add":[{"value":"cat","tag":"t"}]}', [rule("cat", { tag: "t" })]],
  ["a list with remarks", "\uFEFF# mine\ncat\r\n\n#caturday\n", [rule("cat"), rule("#caturday")]],
])("%s", (_, text, want) => {
  expect(draftsIn(text)).toEqual(want);
});

test.each([
  ["", "no rules"],
  ["[{", "no JSON"],
  ['{"rules":[]}', "neither"],
  ['[{"value":"a"},{"tag":"b"}]', 'Rule 2 has no "value"'],
  ['[{"value":"a","action":"burn"}]', "keep or drop"],
])("refuses %s", (text, why) => {
  expect(() => draftsIn(text)).toThrow(why);
});
