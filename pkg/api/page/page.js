// The page at /: logs in with the code in the fragment, then shows the newest
// matches as they come. Text from networks is only ever set as text.
const $ = (id) => document.getElementById(id);
const shown = 500; // matches kept on the page; older ones are a click away
const state = { next: null, prev: null, more: false, fresh: [], generation: 0 };

class Failure extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Failure(response.status, answer.error.detail);
  return answer;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const say = (text) => { if ($("state").textContent !== text) $("state").textContent = text; };

function element(name, className, text) {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

// link makes a link of web addresses only; whatever else a network sends stays text.
function link(address, text) {
  if (!/^https?:\/\//i.test(address ?? "")) return document.createTextNode(text);
  const a = element("a", "", text);
  a.href = address;
  a.rel = "noopener noreferrer";
  return a;
}

// marked splits a text at the spans of the rules, which count bytes of UTF-8.
function marked(parent, text, spans) {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  let at = 0;
  for (const span of spans.sort((a, b) => a.start - b.start)) {
    if (span.end <= at || span.end > bytes.length) continue;
    const start = Math.max(span.start, at);
    parent.append(decoder.decode(bytes.subarray(at, start)));
    parent.append(element("mark", "", decoder.decode(bytes.subarray(start, span.end))));
    at = span.end;
  }
  parent.append(decoder.decode(bytes.subarray(at)));
}

const spansOf = (match, field) => match.rules.flatMap((r) => r.spans).filter((s) => s.field === field);

function paragraph(match, field, text, lang) {
  const p = element("p");
  p.dir = "auto";
  if (lang) p.lang = lang;
  marked(p, text, spansOf(match, field));
  return p;
}

function itemOf(match) {
  const { event } = match;
  const item = element("li");
  item.id = "m-" + match.id;
  const author = event.author ?? {};
  const about = element("div", "about");
  const who = element("bdi", "who", author.name || author.handle || author.id || "someone");
  const time = element("time", "", new Date(event.created_at ?? match.matched_at).toLocaleString());
  time.dateTime = event.created_at ?? match.matched_at;
  about.append(who, author.handle ? ` @${author.handle} · ` : " · ", link(event.url, time.textContent));
  item.append(about);
  if (event.text) item.append(paragraph(match, "text", event.text, event.langs?.[0]));
  for (const [field, ref] of [["repost_of", event.repost_of], ["quote_of", event.quote_of]]) {
    if (!ref?.text) continue;
    const quote = element("blockquote");
    quote.append(paragraph(match, field + ".text", ref.text));
    item.append(quote);
  }
  (event.media ?? []).forEach((media, i) => {
    const p = element("p", "where");
    p.append(link(media.url, media.type), media.alt ? ": " : "");
    if (media.alt) marked(p, media.alt, spansOf(match, `media[${i}].alt`));
    item.append(p);
  });
  const where = element("div", "where");
  for (const tag of new Set(match.rules.map((r) => r.tag || "rule " + r.id))) where.append(element("span", "tag", tag));
  where.append([event.network, event.kind].filter(Boolean).join(" · "));
  item.append(where);
  return item;
}

// place puts a match where its last version stands, else at the top or the end.
function place(match, atEnd) {
  const old = $("m-" + match.id);
  if (match.change === "delete") return old?.remove();
  const item = itemOf(match);
  if (old) old.replaceWith(item);
  else if (atEnd) $("matches").append(item);
  else $("matches").prepend(item);
}

function tidy() {
  $("empty").hidden = $("matches").children.length > 0;
  $("older").hidden = !state.prev || !state.more;
  $("fresh").hidden = state.fresh.length === 0;
  $("fresh").textContent = `Show ${state.fresh.length} new`;
}

function showFresh() {
  for (const match of state.fresh) place(match);
  state.fresh = [];
  while (scrollY < 100 && $("matches").children.length > shown) {
    // Cut below: what falls out is read again from the newest page on reload.
    $("matches").lastElementChild.remove();
    state.more = false;
  }
  tidy();
}

// arrive takes changes in; new ones wait behind a button while the reader is
// further down, so that nothing moves under their eyes.
function arrive(changes) {
  for (const change of changes) {
    state.fresh = state.fresh.filter((m) => m.id !== change.id);
    if (change.change === "new" && !$("m-" + change.id)) state.fresh.push(change);
    else place(change);
  }
  state.fresh = state.fresh.slice(-shown);
  if (scrollY < 100) showFresh();
  tidy();
}

async function loadNewest() {
  const page = await call("GET", "/v1/matches");
  $("matches").replaceChildren();
  state.fresh = [];
  Object.assign(state, { next: page.summary.next, prev: page.summary.prev, more: page.summary.more });
  for (const match of page.data) place(match, true);
  tidy();
}

async function loadOlder() {
  const page = await call("GET", "/v1/matches?before=" + encodeURIComponent(state.prev));
  Object.assign(state, { prev: page.summary.prev, more: page.summary.more });
  for (const match of page.data) place(match, true);
  tidy();
}

// follow reads changes until the session ends; a failure is shown and tried
// again, since next stays good over outages and restarts.
async function follow(generation) {
  for (let failures = 0; generation === state.generation;) {
    try {
      if (state.next === null) await loadNewest();
      say("Live");
      const page = await call("GET", `/v1/matches?wait=25s&after=${encodeURIComponent(state.next)}`);
      if (generation !== state.generation) return;
      state.next = page.summary.next;
      arrive(page.data);
      failures = 0;
    } catch (failure) {
      if (generation !== state.generation) return;
      if (failure.status === 401) return showLogin("");
      if (failure.status === 410) { state.next = null; continue; }
      say(failure.status === 503 ? "Down for maintenance; trying again…" : "Not connected; trying again…");
      await pause(Math.min(1000 * 2 ** failures++, 15000));
    }
  }
}

function showLogin(why) {
  state.generation++;
  $("stream").hidden = $("logout").hidden = true;
  $("login").hidden = false;
  $("login-error").textContent = why;
  say("Not logged in");
}

function showStream() {
  $("login").hidden = true;
  $("stream").hidden = $("logout").hidden = false;
  state.next = null;
  follow(++state.generation);
}

async function logIn(code) {
  try {
    await call("POST", "/v1/session", { code });
    showStream();
  } catch (failure) {
    showLogin(failure.status ? failure.message : "The server cannot be reached.");
  }
}

async function logOut() {
  await call("DELETE", "/v1/session").catch(() => {});
  $("matches").replaceChildren();
  showLogin("");
}

async function start() {
  const code = location.hash.slice(1);
  if (code) {
    history.replaceState(null, "", location.pathname); // the code leaves the address bar and the history
    return logIn(code.replace(/^code=/, ""));
  }
  try {
    await call("GET", "/v1/me");
    showStream();
  } catch (failure) {
    if (failure.status === 401) return showLogin("");
    say(failure.status === 503 ? "Down for maintenance; trying again…" : "Not connected; trying again…");
    await pause(3000);
    return start();
  }
}

$("login-form").addEventListener("submit", (submission) => {
  submission.preventDefault();
  logIn($("code").value.trim().replace(/^.*#(code=)?/, ""));
});
$("logout").addEventListener("click", logOut);
$("older").addEventListener("click", () => loadOlder().catch((failure) => say(failure.message)));
$("fresh").addEventListener("click", () => { scrollTo({ top: 0 }); showFresh(); });
addEventListener("hashchange", start);
start();
