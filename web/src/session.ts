// Who is logged in. The secret itself is in a cookie that scripts cannot read.

import { batch, signal } from "@preact/signals";
import { call, Failure, get, whenUnauthorized, type Me, type Token } from "./api";
import { Rest } from "./lib/rest";
import { say } from "./toast";

/** me is undefined until the server has said who it is, null when nobody is. */
export const me = signal<Me | null | undefined>(undefined);

/** trouble is why that is not known yet. */
export const trouble = signal<Failure | null>(null);

/** entering says that a login link waits for the server. */
export const entering = signal(false);

/** farewell is what the login form says of how the last session ended. */
export const farewell = signal("");

whenUnauthorized(() => {
  if (me.value) farewell.value = "Your session has ended. Log in again to go on.";
  me.value = null;
});

export const may = (scope: string) => me.value?.scopes.includes(scope) ?? false;

/** secretIn finds the code or token in what somebody pasted: itself, or a whole login link. */
export function secretIn(pasted: string): { code: string } | { token: string } | null {
  const found = /\b(rfc|rfl)_[0-9A-Za-z]+/.exec(pasted);
  if (!found) return null;
  return found[1] === "rfl" ? { token: found[0] } : { code: found[0] };
}

/**
 * logIn exchanges a code or token for the cookie.
 *
 * Errors: Failure, to be told to whoever logs in.
 */
export async function logIn(secret: { code: string } | { token: string }) {
  const { data } = await call<Me>("POST", "/v1/session", secret);
  turn++; // whoever the cookie belonged to before
  batch(() => {
    farewell.value = "";
    trouble.value = null;
    me.value = data;
  });
}

export async function logOut() {
  try {
    await call("DELETE", "/v1/session");
  } catch (failure) {
    if (!(failure instanceof Failure && failure.status === 401)) throw failure;
  }
  farewell.value = "You are logged out.";
  me.value = null;
}

/** rest is between two tries; tryNow ends it. */
const rest = new Rest();
export const tryNow = () => rest.wake();

/** codeIn is the code of the login link that an address is, or null. */
export const codeIn = (hash: string) => /^#(?:code=)?(rfc_[0-9A-Za-z]+)/.exec(hash)?.[1] ?? null;

/** turn counts the calls of start, the last of which alone goes on. */
let turn = 0;

/** start finds out who is logged in, by the link that was followed or by the cookie. */
export async function start() {
  const mine = ++turn;
  const over = () => mine !== turn;
  const code = codeIn(location.hash);
  const refused = code ? await enter(code, over) : null;
  await recall(over);
  if (refused && me.value && !over()) say(`That login link is no longer good. You are still logged in as ${me.value.name}.`);
}

/**
 * enter exchanges the code of a link until the server has said yes or no to it, and
 * gives the no. So long the code stays in the address, where a reload finds it, and
 * nowhere else: no browser sends that part of an address to anybody.
 */
async function enter(code: string, over: () => boolean): Promise<Failure | null> {
  for (;;) {
    try {
      await logIn({ code });
      forget(code);
      return null;
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      if (over()) return null;
      if (refuses(failure)) {
        forget(code);
        farewell.value = failure.message;
        return failure;
      }
      batch(() => {
        me.value = undefined;
        trouble.value = failure;
        entering.value = true;
      });
      await rest.of((failure.retryAfter || 3) * 1000);
      if (over()) return null;
    }
  }
}

/** refuses says that the api will never take this: neither one that is away or busy says so, nor something in between. */
const refuses = ({ status, code }: Failure) => status >= 400 && status < 500 && status !== 429 && code !== "unknown";

/** forget takes a code that was used up out of the address and the history. */
function forget(code: string) {
  entering.value = false;
  if (codeIn(location.hash) === code) history.replaceState(null, "", location.pathname);
}

/** recall asks who the cookie belongs to until that is told. */
async function recall(over: () => boolean) {
  while (!over()) {
    try {
      const { data } = await get<Me>("/v1/me");
      if (over()) return;
      batch(() => {
        me.value = data;
        trouble.value = null;
      });
      return;
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      if (over() || failure.status === 401) return;
      trouble.value = failure;
      if (failure.status === 503 && (await watches(over))) return;
      if (over() || me.value === null) return; // nobody's: the form is there
      await rest.of((failure.retryAfter || 3) * 1000);
    }
  }
}

/** watches lets an admin in while the api is paused: the status is told all the same. */
async function watches(over: () => boolean): Promise<boolean> {
  try {
    await get("/v1/status");
  } catch {
    return false;
  }
  if (over()) return false;
  const nobody: Token = { id: "", kind: "session", hint: "", scopes: [], created_at: "", expires_at: null, last_used_at: null };
  me.value = { id: "", name: "an admin", accounts: [], scopes: ["admin"], token: nobody };
  void becomeMyself();
  return true;
}

/** becomeMyself asks who is logged in until that is told, or somebody else is. */
async function becomeMyself() {
  const admin = me.value;
  for (;;) {
    await rest.of(3000);
    if (me.value !== admin) return;
    try {
      const { data } = await get<Me>("/v1/me");
      if (me.value === admin) me.value = data; // the answer may be to a cookie of before
    } catch {
      // Still paused.
    }
  }
}
