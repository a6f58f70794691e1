import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Failure } from "../api";
import { persist } from "./persist";

const failure = (status: number, retryAfter: number) => new Failure(status, "x", String(status), [], retryAfter);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** run persists in work that fails so and so, and then does not; it gives when it was tried, in seconds, and what was told. */
function run(failures: unknown[], end = new AbortController()) {
  const tries: number[] = [], told: string[] = [];
  const began = Date.now();
  const work = async () => {
    tries.push((Date.now() - began) / 1000);
    if (failures.length > 0) throw failures.shift();
  };
  return { tries, told, end, done: persist(work, (f) => told.push((f as Error).message), end.signal) };
}

test("no turn is waited for, quietly, for as long as the server says", async () => {
  const { tries, told, done } = run([failure(429, 1), failure(429, 4), failure(429, 0)]);
  await vi.advanceTimersByTimeAsync(60_000);
  await done;
  expect([tries, told]).toEqual([[0, 1, 5, 6], []]);
});

test("a server that is away is waited for, and told of", async () => {
  const { tries, told } = run([failure(503, 30)]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([tries, told]).toEqual([[0, 30], ["503"]]);
});

test("any other failure ends it", async () => {
  for (const one of [failure(422, 0), failure(0, 0), new Error("bug")]) {
    const { tries, told, done } = run([one, one]);
    await vi.advanceTimersByTimeAsync(60_000);
    await done;
    expect([tries, told]).toEqual([[0], [one.message]]);
  }
});

test("nobody asks any more for what nobody wants any more", async () => {
  const { tries, told, end, done } = run([failure(429, 5), failure(429, 5)]);
  await vi.advanceTimersByTimeAsync(1000);
  end.abort();
  await done;
  await vi.advanceTimersByTimeAsync(60_000);
  expect([tries, told]).toEqual([[0], []]);
  const gone = run([new DOMException("given up", "AbortError")]);
  await gone.done;
  expect(gone.told).toEqual([]);
});
