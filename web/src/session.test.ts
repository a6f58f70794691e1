import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { entering, farewell, logIn, me, secretIn, start, trouble, tryNow } from "./session";

test.each([
  ["http://127.0.0.1:8080/#rfc_abc123XYZ", { code: "rfc_abc123XYZ" }],
  ["  rfl_0123456789abcdefABCDEF0123456789abcdef \n", { token: "rfl_0123456789abcdefABCDEF0123456789abcdef" }],
  ["Authorization: Bearer rfl_abc", { token: "rfl_abc" }],
  ["http://127.0.0.1:8080/", null],
  ["", null],
])("secretIn %s", (pasted, want) => {
  expect(secretIn(pasted)).toEqual(want);
});

type Given = Response | Promise<Response> | Error;

const person = (name: string, ...scopes: string[]) => ({ id: name, name, accounts: [], scopes, token: { id: "1" } });
const ok = (data: unknown) => Response.json({ summary: {}, data, error: null });
const no = (status: number, code: string, retry?: number) =>
  Response.json({ summary: {}, data: null, error: { code, title: "", status, detail: code, errors: [] } }, { status, headers: retry ? { "Retry-After": String(retry) } : {} });
const paused = () => no(503, "maintenance", 30);

let answers: Record<string, Given[]>;
let asked: string[];
let replaced: string[];

/** given is what the server answers to a call, one after the other; to what is not given it says 503. */
const given = (call: string, ...all: Given[]) => (answers[call] = all);

/** settled is when all that can happen without time has. */
const settled = () => vi.advanceTimersByTimeAsync(0);
const seconds = (n: number) => vi.advanceTimersByTimeAsync(n * 1000);

beforeEach(() => {
  vi.useFakeTimers();
  [answers, asked, replaced] = [{}, [], []];
  const address = { hash: "", pathname: "/" };
  vi.stubGlobal("location", address);
  vi.stubGlobal("history", { replaceState: (_: unknown, __: string, to: string) => (replaced.push(to), (address.hash = "")) });
  vi.stubGlobal("fetch", async (path: string, { method }: RequestInit) => {
    asked.push(`${method} ${path}`);
    const answer = answers[`${method} ${path}`]?.shift() ?? paused();
    if (answer instanceof Error) throw answer;
    return answer;
  });
});
afterEach(async () => {
  // Whoever still asks is told that nobody is logged in, and asks no more.
  given("GET /v1/me", ...Array.from({ length: 9 }, () => no(401, "unauthorized")));
  await logIn({ code: "" }).catch(() => {});
  await seconds(60);
  vi.useRealTimers();
  vi.unstubAllGlobals();
  [me.value, trouble.value, farewell.value, entering.value] = [undefined, null, "", false];
});

describe("while the api is paused", () => {
  test("an admin sees the pipeline, and all of the page once it goes on", async () => {
    given("GET /v1/status", ok({}));
    void start();
    await settled();
    expect(me.value).toMatchObject({ id: "", scopes: ["admin"] });
    await seconds(3);
    expect(me.value).toMatchObject({ id: "" });
    given("GET /v1/me", ok(person("ann", "read", "admin")));
    await seconds(3);
    expect(me.value).toMatchObject({ name: "ann", scopes: ["read", "admin"] });
    const before = asked.length;
    await seconds(60);
    expect(asked.length).toBe(before);
  });

  test("a reader is told so, and gets in once it goes on", async () => {
    given("GET /v1/status", no(403, "forbidden"), no(403, "forbidden"));
    void start();
    await settled();
    expect([me.value, trouble.value?.status]).toEqual([undefined, 503]);
    await seconds(29);
    expect(asked).toEqual(["GET /v1/me", "GET /v1/status"]);
    given("GET /v1/me", ok(person("ann", "read")));
    await seconds(1);
    expect([me.value?.name, trouble.value]).toEqual(["ann", null]);
  });

  test("a stranger gets the form, and nothing more is asked", async () => {
    given("GET /v1/status", no(401, "unauthorized"));
    void start();
    await seconds(120);
    expect(me.value).toBeNull();
    expect(asked).toEqual(["GET /v1/me", "GET /v1/status"]);
  });

  test("a late status makes no admin without a name of who has logged in", async () => {
    let tell = (_: Response) => {};
    given("GET /v1/status", new Promise((done) => (tell = done)));
    void start();
    await settled();
    location.hash = "#rfc_1";
    given("POST /v1/session", ok(person("bob", "read", "admin")));
    void start();
    await settled();
    tell(ok({}));
    await seconds(120);
    expect(me.value).toMatchObject({ name: "bob" });
  });

  test("a late answer to the cookie of before does not make somebody else of who has logged in", async () => {
    given("GET /v1/status", ok({}));
    void start();
    await settled();
    let tell = (_: Response) => {};
    given("GET /v1/me", new Promise((done) => (tell = done)));
    await seconds(3);
    given("POST /v1/session", ok(person("bob", "read")));
    await logIn({ token: "rfl_1" });
    tell(ok(person("ann", "read", "admin")));
    await seconds(60);
    expect(me.value).toMatchObject({ name: "bob" });
  });

  test("an admin whose token is revoked meanwhile gets the form with a reason", async () => {
    given("GET /v1/status", ok({}));
    void start();
    await settled();
    given("GET /v1/me", no(401, "unauthorized"));
    await seconds(3);
    expect(me.value).toBeNull();
    expect(farewell.value).toContain("Your session has ended");
    const before = asked.length;
    await seconds(60);
    expect(asked.length).toBe(before);
  });
});

describe("a login link", () => {
  beforeEach(() => {
    location.hash = "#rfc_abc";
  });

  test.each<[string, () => Given]>([
    ["the store is away", () => no(503, "maintenance", 3)],
    ["nobody answers", () => new TypeError("Failed to fetch")],
    ["a proxy answers in its place", () => new Response("<h1>Bad gateway</h1>", { status: 502 })],
    ["a proxy does not know the way", () => new Response("<h1>Not here</h1>", { status: 404 })],
    ["there are too many requests", () => no(429, "rate_limited", 3)],
    ["something went wrong", () => no(500, "internal")],
  ])("waits in the address while %s, and logs in as soon as it can", async (_, answer) => {
    given("POST /v1/session", answer(), answer(), ok(person("ann", "read")));
    void start();
    await settled();
    expect([location.hash, replaced, me.value, entering.value]).toEqual(["#rfc_abc", [], undefined, true]);
    expect(trouble.value).not.toBeNull();
    await seconds(3);
    expect(asked.length).toBe(2);
    tryNow();
    await settled();
    expect([location.hash, replaced, me.value?.name, entering.value, trouble.value]).toEqual(["", ["/"], "ann", false, null]);
    await seconds(60);
    expect(asked).toEqual(Array(3).fill("POST /v1/session"));
  });

  test("that is used up is taken out of the address, and the form says why", async () => {
    given("POST /v1/session", no(401, "used, or older than 10 minutes"));
    given("GET /v1/me", no(401, "unauthorized"));
    void start();
    await seconds(60);
    expect([replaced, me.value, farewell.value]).toEqual([["/"], null, "used, or older than 10 minutes"]);
    expect(asked).toEqual(["POST /v1/session", "GET /v1/me"]);
  });

  test("that is used up leaves who is logged in where they are", async () => {
    const seen: unknown[] = [];
    me.value = person("ann", "read") as never;
    const end = me.subscribe((m) => seen.push(m && m.name));
    given("POST /v1/session", no(401, "used"));
    given("GET /v1/me", ok(person("ann", "read")));
    void start();
    await seconds(60);
    end();
    expect([replaced, new Set(seen)]).toEqual([["/"], new Set(["ann"])]);
  });

  test("gives way to another that is opened meanwhile", async () => {
    given("POST /v1/session", new TypeError("Failed to fetch"), ok(person("bob", "read")));
    void start();
    await settled();
    location.hash = "#code=rfc_def";
    void start();
    await seconds(60);
    expect(asked).toEqual(Array(2).fill("POST /v1/session"));
    expect([me.value?.name, location.hash]).toEqual(["bob", ""]);
  });
});
