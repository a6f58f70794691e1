import { expect, test } from "vitest";
import { ceiling, pathsOf } from "./Chart";

test("a line is interrupted where nothing is known, and who stands alone is a dot", () => {
  const points = (...values: (number | null)[]) => pathsOf(values.map((value, at) => ({ at, value })), 0, values.length - 1, 10);
  expect(points(0, 5, 10)).toEqual({ line: "M0.0 78.0L150.0 40.0L300.0 2.0", dots: "" });
  expect(points(0, 0, null, 10, 10)).toEqual({ line: "M0.0 78.0L75.0 78.0M225.0 2.0L300.0 2.0", dots: "" });
  expect(points(0, 0, null, 10, null)).toEqual({ line: "M0.0 78.0L75.0 78.0", dots: "M225.0 2.0h0" });
  expect(points(0, null, 10)).toEqual({ line: "", dots: "M0.0 78.0h0M300.0 2.0h0" });
  expect(pathsOf([], 0, 10, 10)).toEqual({ line: "", dots: "" });
});

test.each([[[0, null], 1], [[3], 5], [[12, 4], 20], [[100], 100], [[0.02], 0.02], [[501], 1000]] as const)("ceiling of %j", (values, want) => {
  expect(ceiling([...values])).toBeCloseTo(want);
});
