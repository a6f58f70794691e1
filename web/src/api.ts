// The API as this page uses it: docs/api.md, in types.

export interface Mistake {
  code: string;
  parameter?: string;
  pointer?: string;
  /** Bytes of UTF-8, as all offsets and lengths of the API. */
  offset?: number;
  length?: number;
  message: string;
  hint: string;
}

export interface Span {
  field: string;
  start: number;
  end: number;
}

export interface Author {
  id?: string;
  handle?: string;
  name?: string;
  followers?: number;
  verified?: boolean;
}

export interface Reference {
  key?: string;
  author?: Author;
  text?: string;
}

export interface Media {
  type: "image" | "video" | "audio" | "link";
  url: string;
  alt?: string;
}

export interface Post {
  key: string;
  network?: string;
  source?: string;
  kind?: "post" | "reply" | "repost" | "quote";
  author?: Author;
  text?: string;
  langs?: string[];
  created_at?: string;
  received_at?: string;
  url?: string;
  links?: string[];
  hashtags?: string[];
  cashtags?: string[];
  mentions?: string[];
  media?: Media[];
  reply_to?: Reference;
  repost_of?: Reference;
  quote_of?: Reference;
  sensitive?: boolean;
  truncated?: boolean;
}

export interface MatchingRule {
  id: string;
  tag: string;
  spans: Span[];
}

export interface Match {
  id: string;
  change: "new" | "update";
  event: Post;
  rules: MatchingRule[];
  matched_at: string;
}

export type Change = Match | { id: string; change: "delete" };

export interface PageSummary {
  count: number;
  next: string;
  prev: string | null;
  more: boolean;
}

export interface Gap {
  after: string;
  next: string;
  from: string | null;
  to: string | null;
}

export interface RuleDraft {
  value: string;
  tag: string;
  action: "keep" | "drop";
  enabled: boolean;
}

export interface Rule extends RuleDraft {
  id: string;
  created_at: string;
  updated_at: string;
  matches_24h: number;
  /** When it was switched off because it kept too much; null since it was changed. */
  flooded_at?: string | null;
  last_match_at?: string | null;
  canonical: string;
  warnings: Mistake[];
}

export interface Verdict {
  valid: boolean;
  canonical: string | null;
  errors: Mistake[];
  warnings: Mistake[];
}

export interface Preview {
  looked_at: number;
  from: string | null;
  to: string | null;
  count: number;
  share: number;
  per_day: number;
  warnings: Mistake[];
  samples: { event: Post; spans: Span[] }[];
}

export interface Missing {
  offset: number;
  length: number;
  term: string;
  excluded?: boolean;
}

export interface Explanation {
  matches: boolean;
  canonical: string;
  spans: Span[];
  missing: Missing[];
}

export interface Token {
  id: string;
  kind: "token" | "session";
  token?: string;
  hint: string;
  scopes: string[];
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
}

export interface Me {
  id: string;
  name: string;
  accounts: string[];
  scopes: string[];
  token: Token;
}

/** Failure is an answer that is none: status 0 where nobody answered. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly errors: Mistake[] = [],
    readonly retryAfter = 0,
  ) {
    super(detail);
  }
}

export interface Answer<T, S> {
  data: T;
  summary: S;
}

/** onUnauthorized is called when the session has ended. */
let onUnauthorized = () => {};
export function whenUnauthorized(f: () => void) {
  onUnauthorized = f;
}

/** failureOf reads an answer that is not 2xx. */
async function failureOf(response: Response): Promise<Failure> {
  const retry = Number(response.headers.get("Retry-After")) || 0;
  let failure = new Failure(response.status, "unknown", `The server answered ${response.status}.`, [], retry);
  try {
    const { error } = await response.json();
    failure = new Failure(response.status, error.code, error.detail, error.errors, retry);
  } catch {
    // Something in between has answered, such as a proxy without a server behind it.
  }
  return failure;
}

/** request is fetch, with a Failure for all that is no 2xx. */
export async function request(path: string, options: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Failure(0, "offline", "The server cannot be reached.");
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  // To be refused at the door is no end of the session that one may have.
  if (failure.status === 401 && path !== "/v1/session") onUnauthorized();
  throw failure;
}

/** call asks the API and opens its envelope. */
export async function call<T, S = unknown>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Answer<T, S>> {
  const options: RequestInit = { method, signal: signal ?? null };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await request(path, options);
  return (await response.json()) as Answer<T, S>;
}

export const get = <T, S = unknown>(path: string, signal?: AbortSignal) => call<T, S>("GET", path, undefined, signal);

/** query makes a query string of what is given. */
export function query(parameters: Record<string, string | number | null | undefined>): string {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") q.set(name, String(value));
  }
  const text = q.toString();
  return text ? "?" + text : "";
}

/** isAbort says that a request was given up on purpose. */
export const isAbort = (error: unknown) => error instanceof DOMException && error.name === "AbortError";

/** messageOf is what to tell a person of an error. */
export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
