import { expect, test } from "vitest";
import { nameOf, reasonOf, type DeadLetter } from "./dead";

const letter: DeadLetter = {
  id: "1", at: "2026-08-01T12:00:00.000Z", reason: "row_refused", source: "sim", key: "sim:1", frame: "00", error: "", deliveries: 3, events: 1, bytes: 90,
};

test("a reason is told in words, also one that is newer than the page", () => {
  expect(reasonOf(letter)).toBe("The store refuses it");
  expect(reasonOf({ ...letter, reason: "too_odd" })).toBe("too odd");
});

test("a dead letter is called by its post, or by what its frame holds", () => {
  expect(nameOf(letter)).toBe("sim:1");
  expect(nameOf({ ...letter, key: "", events: 12 })).toBe("12 events of sim");
});
