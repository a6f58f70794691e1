// Who is logged in. The secret itself is in a cookie that scripts cannot read.

import { signal } from "@preact/signals";
import { call, Failure, get, messageOf, whenUnauthorized, type Me, type Token } from "./api";

/** me is undefined until the server has said who it is, null when nobody is. */
export const me = signal<Me | null | undefined>(undefined);

/** trouble is why that is not known yet. */
export const trouble = signal<Failure | null>(null);

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
  farewell.value = "";
  me.value = data;
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

/** watches lets an admin in while the api is paused: the status is told all the same. */
async function watches(): Promise<boolean> {
  try {
    await get("/v1/status");
  } catch {
    return false;
  }
  const nobody: Token = { id: "", kind: "session", hint: "", scopes: [], created_at: "", expires_at: null, last_used_at: null };
  me.value = { id: "", name: "an admin", accounts: [], scopes: ["admin"], token: nobody };
  void becomeMyself();
  return true;
}

/** becomeMyself asks who is logged in until that is told. */
async function becomeMyself() {
  while (me.value?.id === "") {
    await rest(3000);
    try {
      me.value = (await get<Me>("/v1/me")).data;
    } catch {
      // Still paused.
    }
  }
}

const rest = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** start finds out who is logged in, by the link that was followed or by the cookie. */
export async function start() {
  const secret = /^#(code=)?rfc_/.test(location.hash) ? secretIn(location.hash) : null;
  if (secret) {
    history.replaceState(null, "", location.pathname); // the code leaves the address bar and the history
    try {
      return await logIn(secret);
    } catch (failure) {
      farewell.value = messageOf(failure);
    }
  }
  for (;;) {
    try {
      me.value = (await get<Me>("/v1/me")).data;
      trouble.value = null;
      return;
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      if (failure.status === 401) return;
      trouble.value = failure;
      if (failure.status === 503 && (await watches())) return;
      await rest((failure.retryAfter || 3) * 1000);
    }
  }
}
