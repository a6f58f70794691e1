import { expect, test } from "vitest";
import { Parser } from "./sse";

const stream = 'retry: 2000\n\nid: A\nevent: new\ndata: {"id":"1"}\n\n:\n\nid: B\n\nid: C\r\nevent: gap\r\ndata: one\r\ndata: two\r\n\r\nid: D\nevent: new\ndata: cut';

test("a stream is read the same however it is cut", () => {
  for (const size of [1, 2, 3, 7, 1000]) {
    const parser = new Parser();
    const events = [];
    for (let at = 0; at < stream.length; at += size) events.push(...parser.push(stream.slice(at, at + size)));
    expect(events).toEqual([
      { type: "new", data: '{"id":"1"}' },
      { type: "gap", data: "one\ntwo" },
    ]);
    expect(parser.lastId).toBe("C");
  }
});

test("an id alone moves the place on", () => {
  const parser = new Parser();
  parser.lastId = "A";
  expect(parser.push("id: B\n\n")).toEqual([]);
  expect(parser.lastId).toBe("B");
});

test("the id of an event that was cut off does not count: it comes again", () => {
  const parser = new Parser();
  parser.push("id: A\n\nid: B\ndata: x\n");
  expect(parser.lastId).toBe("A");
});
