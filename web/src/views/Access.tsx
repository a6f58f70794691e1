import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, get, messageOf, query, type Token } from "../api";
import { date, full, when } from "../lib/time";
import { now } from "../now";
import { Copy } from "../parts/Copy";
import { Icon } from "../parts/Icon";
import { keptTags as tags } from "../rules";
import { logOut, may, me } from "../session";
import { complain, say } from "../toast";

export function Access() {
  const tokens = useSignal<Token[] | null>(null);
  const failure = useSignal("");
  const load = () => get<Token[]>("/v1/tokens").then(
    ({ data }) => { tokens.value = data; failure.value = ""; },
    (error) => (failure.value = messageOf(error)),
  );
  useEffect(() => void load(), []);

  async function revoke(token: Token) {
    if (token.id === me.value?.token.id) return logOut().catch((error) => complain(messageOf(error)));
    try {
      await call("DELETE", `/v1/tokens/${token.id}`);
      tokens.value = (tokens.value ?? []).filter((t) => t.id !== token.id);
      say("Revoked. It is refused everywhere within two seconds.");
    } catch (error) {
      complain(messageOf(error));
    }
  }

  const list = tokens.value;
  const feeds = (list ?? []).filter((t) => t.scopes.includes("feed"));
  const others = (list ?? []).filter((t) => !t.scopes.includes("feed"));
  return (
    <>
      <div class="head"><h1>Feeds &amp; tokens</h1></div>
      {failure.value && <div class="card" role="alert"><p class="wrong">{failure.value}</p><button onClick={load}>Try again</button></div>}
      <section class="card" aria-labelledby="feeds">
        <h2 id="feeds">Feeds</h2>
        <p class="quiet">Your matches in any feed reader. Whoever has the link can read them, and do nothing else.</p>
        {may("write") && <NewFeed made={load} />}
        {feeds.length > 0 && <TokenList name="Feed links" list={feeds} revoke={revoke} />}
      </section>
      <section class="card" aria-labelledby="tokens">
        <h2 id="tokens">Tokens</h2>
        <p class="quiet">For programs that use the <a href="/openapi.json">API</a>, and for logging in.</p>
        {may("write") && <NewToken made={load} />}
        {others.length > 0 && <TokenList name="Tokens and sessions" list={others} revoke={revoke} />}
        {!list && !failure.value && <p class="quiet" role="status">Loading…</p>}
      </section>
    </>
  );
}

function NewFeed({ made }: { made: () => void }) {
  const tag = useSignal("");
  const format = useSignal("atom");
  const secret = useSignal("");
  const wrong = useSignal("");
  async function make(event: Event) {
    event.preventDefault();
    wrong.value = "";
    try {
      secret.value = (await call<Token>("POST", "/v1/tokens", { scopes: ["feed"] })).data.token ?? "";
      made();
    } catch (error) {
      wrong.value = messageOf(error);
    }
  }
  const link = secret.value && `${location.origin}/v1/feeds/${secret.value}/${format.value}${query({ tag: tag.value })}`;
  return (
    <form class="make" onSubmit={make}>
      <div class="row">
        <div>
          <label for="feed-tag">Posts</label>
          <select id="feed-tag" value={tag.value} onChange={(e) => (tag.value = e.currentTarget.value)}>
            <option value="">of all tags</option>
            {tags.value.map((t) => <option key={t} value={t}>{t}</option>)}
          </select>
        </div>
        <div>
          <label for="feed-format">Format</label>
          <select id="feed-format" value={format.value} onChange={(e) => (format.value = e.currentTarget.value)}>
            <option value="atom">Atom</option>
            <option value="json">JSON Feed</option>
          </select>
        </div>
        <button class={secret.value ? "" : "primary"}><Icon name="feed" /> {secret.value ? "Make another" : "Make a feed link"}</button>
      </div>
      {wrong.value && <p class="wrong" role="alert">{wrong.value}</p>}
      {link && <Secret label="Feed link" text={link} note="Copy it now: it is shown only this once. Other tags and formats of it work with the same link." />}
    </form>
  );
}

const lifetimes: [string, number | null][] = [["30 days", 30], ["90 days", 90], ["a year", 365], ["ever", null]];
const meanings: Record<string, string> = { read: "read matches and rules", write: "change rules and tokens", admin: "users and the pipeline" };

function NewToken({ made }: { made: () => void }) {
  const mine = (me.value?.scopes ?? []).filter((s) => s in meanings);
  const scopes = useSignal<string[]>(mine.filter((s) => s === "read"));
  const days = useSignal<string>("90");
  const secret = useSignal("");
  const wrong = useSignal("");
  async function make(event: Event) {
    event.preventDefault();
    wrong.value = "";
    const end = days.value ? new Date(Date.now() + Number(days.value) * 86_400_000).toISOString() : undefined;
    try {
      const { data } = await call<Token>("POST", "/v1/tokens", { scopes: scopes.value, ...(end ? { expires_at: end } : {}) });
      secret.value = data.token ?? "";
      made();
    } catch (error) {
      wrong.value = messageOf(error);
    }
  }
  return (
    <form class="make" onSubmit={make}>
      <div class="row">
        <fieldset class="choice">
          <legend>May</legend>
          {mine.map((s) => (
            <label class="check" key={s}>
              <input type="checkbox" checked={scopes.value.includes(s)} onChange={(e) => (scopes.value = e.currentTarget.checked ? [...scopes.value, s] : scopes.value.filter((x) => x !== s))} />
              <span>{s} <span class="quiet small">{meanings[s]}</span></span>
            </label>
          ))}
        </fieldset>
        <div>
          <label for="token-days">Good for</label>
          <select id="token-days" value={days.value} onChange={(e) => (days.value = e.currentTarget.value)}>
            {lifetimes.map(([name, n]) => <option key={name} value={n ?? ""}>{name}</option>)}
          </select>
        </div>
        <button disabled={scopes.value.length === 0}><Icon name="key" /> Make a token</button>
      </div>
      {wrong.value && <p class="wrong" role="alert">{wrong.value}</p>}
      {secret.value && <Secret label="New token" text={secret.value} note="Copy it now: it is shown only this once, and kept by us as a hash alone." />}
    </form>
  );
}

function Secret({ label, text, note }: { label: string; text: string; note: string }) {
  return (
    <div class="secret" role="status">
      <p class="small">{note}</p>
      <div class="copied">
        <input readOnly value={text} aria-label={label} onFocus={(e) => e.currentTarget.select()} />
        <Copy text={text} />
      </div>
    </div>
  );
}

function TokenList({ name, list, revoke }: { name: string; list: Token[]; revoke: (t: Token) => void }) {
  return (
    <ul class="tokens" aria-label={name}>
      {list.map((token) => <TokenRow key={token.id} token={token} revoke={() => revoke(token)} />)}
    </ul>
  );
}

function TokenRow({ token, revoke }: { token: Token; revoke: () => void }) {
  const sure = useSignal(false);
  const own = token.id === me.value?.token.id;
  const made = new Date(token.created_at);
  return (
    <li>
      <div>
        <p><code>{token.hint}…</code> {own && <span class="tag">this browser</span>} {token.scopes.map((s) => <span class="tag off" key={s}>{s}</span>)}</p>
        <p class="small quiet">
          {token.kind === "session" ? "Logged in" : "Made"} <time dateTime={token.created_at} title={full(made)}>{when(made, now.value)}</time>
          {", "}{token.last_used_at ? <>used <time dateTime={token.last_used_at}>{when(new Date(token.last_used_at), now.value)}</time></> : "never used"}
          {", "}{token.expires_at ? <>good until <time dateTime={token.expires_at}>{date(new Date(token.expires_at), now.value)}</time></> : "without end"}
        </p>
      </div>
      {may("write") && (sure.value ? (
        <span class="sure">
          <button class="danger" onClick={revoke} ref={(e) => e?.focus()}>{own ? "Log out here" : "Revoke for good"}</button>
          <button class="plain" onClick={() => (sure.value = false)}>No</button>
        </span>
      ) : <button class="plain danger" onClick={() => (sure.value = true)}>{own ? "Log out" : "Revoke"}<span class="sr"> {token.hint}</span></button>)}
    </li>
  );
}

