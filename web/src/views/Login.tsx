import { useSignal } from "@preact/signals";
import { messageOf } from "../api";
import { Logo } from "../parts/Icon";
import { farewell, logIn, secretIn } from "../session";

export function Login() {
  const pasted = useSignal("");
  const wrong = useSignal("");
  const busy = useSignal(false);

  async function submit(event: Event) {
    event.preventDefault();
    const secret = secretIn(pasted.value);
    if (!secret) {
      wrong.value = "That is neither a login link nor a token. A token begins with rfl_, the code of a link with rfc_.";
      return;
    }
    busy.value = true;
    try {
      await logIn(secret);
    } catch (error) {
      wrong.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  }

  return (
    <main class="login">
      <form class="card" onSubmit={submit}>
        <p class="brand"><Logo /> riffle</p>
        <h1>Log in</h1>
        <p class="quiet">riffle catches what matters to you from a live stream of posts.</p>
        {farewell.value && <p class="note" role="status">{farewell.value}</p>}
        <label for="secret">Login link or token</label>
        <input
          id="secret"
          type="password"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          required
          aria-describedby="secret-help secret-wrong"
          aria-invalid={wrong.value !== ""}
          value={pasted.value}
          onInput={(e) => {
            pasted.value = e.currentTarget.value;
            wrong.value = "";
          }}
        />
        <p id="secret-wrong" class="wrong" role="alert">{wrong.value}</p>
        <button class="primary" disabled={busy.value}>{busy.value ? "Logging in…" : "Log in"}</button>
        <p id="secret-help" class="quiet small">
          Open or paste the link that <code>riffle up</code> or <code>riffle login USER</code> prints; it is good once, for ten
          minutes. Or paste a token from <code>riffle token create USER</code>. This page keeps it where no script can read it.
        </p>
      </form>
    </main>
  );
}
