// Server-sent events by fetch. EventSource tells a script neither the status of a
// refusal nor the ids of events without data, and cannot notice a silent line.

import { request } from "../api";

export interface ServerEvent {
  type: string;
  data: string;
}

/** Parser takes the text of a stream as it comes and gives whole events. */
export class Parser {
  /** The id to go on from. */
  lastId = "";
  private rest = "";
  private type = "";
  private data: string[] = [];

  push(chunk: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.rest + chunk).split("\n");
    this.rest = lines.pop()!;
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") this.end(events);
      else this.field(line);
    }
    return events;
  }

  private id = "";

  private field(line: string) {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.type = value;
    else if (name === "data") this.data.push(value);
    else if (name === "id") this.id = value;
  }

  private end(events: ServerEvent[]) {
    // The id counts once its event is whole: one that was cut off comes again.
    if (this.id) this.lastId = this.id;
    if (this.data.length > 0) events.push({ type: this.type || "message", data: this.data.join("\n") });
    this.type = "";
    this.data = [];
  }
}

/** silence is how long nothing may come: the server sends something every 15 seconds. */
export const silence = 45_000;

/**
 * follow reads a stream until it ends. opened is called when the server has begun to
 * answer, heard for every event, with the id to go on from.
 *
 * Errors: Failure when the server refuses or cannot be reached; any error when the
 * line breaks; AbortError once signal says so.
 */
export async function follow(
  path: string,
  lastId: string,
  signal: AbortSignal,
  opened: () => void,
  heard: (events: ServerEvent[], lastId: string) => void,
): Promise<void> {
  const line = new AbortController();
  const giveUp = () => line.abort(signal.reason);
  signal.addEventListener("abort", giveUp);
  let watch: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(watch);
    watch = setTimeout(() => line.abort(new Error("The line went silent.")), silence);
  };
  try {
    alive();
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (lastId) headers["Last-Event-ID"] = lastId;
    const response = await request(path, { headers, signal: line.signal, cache: "no-store" });
    opened();
    const parser = new Parser();
    parser.lastId = lastId;
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      const events = parser.push(value);
      heard(events, parser.lastId);
    }
  } finally {
    clearTimeout(watch);
    signal.removeEventListener("abort", giveUp);
    line.abort();
  }
}
