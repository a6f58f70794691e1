// The stream as the reader has it, and the line to the server that keeps it so.

import { batch, computed, signal } from "@preact/signals";
import { Failure, get, query, type Change, type Gap, type Match, type PageSummary } from "./api";
import { Rest } from "./lib/rest";
import { follow, type ServerEvent } from "./lib/sse";
import * as streams from "./lib/stream";

/** Line is how things stand with the server. */
export type Line =
  | { state: "connecting" }
  | { state: "live" }
  /** The server says that it cannot answer now, and why. */
  | { state: "maintenance"; detail: string }
  | { state: "offline" }
  | { state: "error"; detail: string };

export const line = signal<Line>({ state: "connecting" });
export const stream = signal(streams.empty(null));
/** read says whether there is a page to look at; failed is why there is none. */
export const read = signal(false);
export const failed = signal<Failure | null>(null);
export const loadingOlder = signal(false);
/** edited are the matches that have changed since they were shown. */
export const edited = signal<ReadonlySet<string>>(new Set());

export const fresh = computed(() => streams.newOnes(stream.value));

const pageSize = 50;
/** hiddenAfter is how long a page that nobody sees keeps its connection. A browser has but six for all its tabs. */
const hiddenAfter = 60_000;
const shortest = 1000;
const longest = 15_000;

let running: AbortController | null = null;
const rest = new Rest();

/** open reads the newest matches of a tag and follows what comes, until close. */
export function open(tag: string | null) {
  close();
  running = new AbortController();
  batch(() => {
    stream.value = streams.empty(tag);
    read.value = false;
    failed.value = null;
    edited.value = new Set();
  });
  void run(tag, running.signal);
}

export function close() {
  running?.abort();
  running = null;
}

/** reopen reads everything anew. */
export const reopen = () => open(stream.value.tag);

async function run(tag: string | null, signal: AbortSignal) {
  const place = { cursor: "", failures: 0 };
  while (!signal.aborted) {
    const watch = whileSeen(signal);
    try {
      await connect(tag, place, watch.signal);
      await rest.of(shortest, signal); // the server has ended it, as one that stops does
    } catch (error) {
      if (signal.aborted) return;
      if (watch.signal.aborted) {
        await seen(signal);
        continue;
      }
      place.failures++;
      tell(error);
      // A place that the server does not know, as after a move to another store: begin anew.
      if (error instanceof Failure && (error.code === "bad_cursor" || error.status === 410)) read.value = false;
      if (error instanceof Failure && error.status === 401) return;
      await rest.of(delay(error, place.failures), signal);
    } finally {
      watch.done();
    }
  }
}

/** connect follows the stream from the last place that was reached until the line ends. */
async function connect(tag: string | null, place: { cursor: string; failures: number }, signal: AbortSignal) {
  if (!read.value) place.cursor = await readNewest(tag, signal);
  const opened = () => {
    place.failures = 0;
    line.value = { state: "live" };
  };
  await follow("/v1/stream", place.cursor, signal, opened, (events, lastId) => {
    place.cursor = lastId;
    take(events);
  });
}

const delay = (error: unknown, failures: number) =>
  error instanceof Failure && error.retryAfter
    ? error.retryAfter * 1000
    : Math.min(longest, shortest * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);

function tell(error: unknown) {
  if (!(error instanceof Failure)) line.value = { state: "offline" };
  else {
    if (!read.value) failed.value = error;
    if (error.status === 503) line.value = { state: "maintenance", detail: error.message };
    else if (error.status === 0 || error.code === "unknown") line.value = { state: "offline" };
    else line.value = { state: "error", detail: error.message };
  }
}

async function readNewest(tag: string | null, signal: AbortSignal): Promise<string> {
  const page = await get<Match[], PageSummary>("/v1/matches" + query({ limit: pageSize, tag }), signal);
  batch(() => {
    stream.value = streams.loaded(page.data, page.summary.prev, tag);
    read.value = true;
    failed.value = null;
  });
  return page.summary.next;
}

function take(events: ServerEvent[]) {
  if (events.length === 0) return;
  batch(() => {
    let next = stream.value;
    const changed = new Set(edited.value);
    for (const event of events) {
      if (event.type === "gap") next = streams.missed(next, JSON.parse(event.data) as Gap);
      else if (event.type === "new" || event.type === "update" || event.type === "delete") {
        const change = JSON.parse(event.data) as Change;
        next = streams.arrived(next, change);
        if (change.change === "update") changed.add(change.id);
      }
    }
    // Where there is nothing to read, nothing can jump.
    if (!next.shown.some((e) => !streams.isGap(e))) next = streams.show(next);
    edited.value = changed;
    stream.value = next;
  });
}

/** showNew puts what has arrived in front. */
export function showNew() {
  if (stream.value.dropped > 0) reopen();
  else stream.value = streams.show(stream.value);
}

/**
 * loadOlder reads one page further back.
 *
 * Errors: Failure.
 */
export async function loadOlder() {
  const { prev, tag } = stream.value;
  if (!prev || loadingOlder.value) return;
  loadingOlder.value = true;
  try {
    const page = await get<Match[], PageSummary>("/v1/matches" + query({ limit: pageSize, tag, before: prev }));
    // Meanwhile another tag may have been chosen.
    if (stream.value.prev === prev) stream.value = streams.older(stream.value, page.data, page.summary.prev);
  } finally {
    loadingOlder.value = false;
  }
}

/** retry tries again now. */
export const retry = () => rest.wake();
addEventListener("online", retry);

// A page that nobody has looked at for a while lets its connection go, and goes on
// from its cursor when somebody does.

/** whileSeen is aborted with signal, and when the page has been hidden for a while. */
function whileSeen(signal: AbortSignal): { signal: AbortSignal; done: () => void } {
  const unseen = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => unseen.abort(), hiddenAfter);
  };
  look();
  document.addEventListener("visibilitychange", look);
  const done = () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
  return { signal: AbortSignal.any([signal, unseen.signal]), done };
}

/** seen waits until somebody looks at the page. */
function seen(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      done();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
  });
}
