import { expect, test } from "vitest";
import { secretIn } from "./session";

test.each([
  ["http://127.0.0.1:8080/#rfc_abc123XYZ", { code: "rfc_abc123XYZ" }],
  ["  rfl_0123456789abcdefABCDEF0123456789abcdef \n", { token: "rfl_0123456789abcdefABCDEF0123456789abcdef" }],
  ["Authorization: Bearer rfl_abc", { token: "rfl_abc" }],
  ["http://127.0.0.1:8080/", null],
  ["", null],
])("secretIn %s", (pasted, want) => {
  expect(secretIn(pasted)).toEqual(want);
});
