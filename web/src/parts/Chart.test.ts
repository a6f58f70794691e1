import { expect, test } from "vitest";
import { ceiling, lineOf } from "./Chart";

test("a line is interrupted where nothing is known", () => {
  expect(lineOf([{ at: 0, value: 0 }, { at: 5, value: null }, { at: 10, value: 10 }], 0, 10, 10)).toBe("M0.0 78.0M300.0 2.0");
  expect(lineOf([], 0, 10, 10)).toBe("");
});

test.each([[[0, null], 1], [[3], 5], [[12, 4], 20], [[100], 100], [[0.02], 0.02], [[501], 1000]] as const)("ceiling of %j", (values, want) => {
  expect(ceiling([...values])).toBeCloseTo(want);
});
