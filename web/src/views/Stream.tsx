import { useSignal, useSignalEffect } from "@preact/signals";
import { Fragment } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { messageOf, type Match } from "../api";
import { webAddress } from "../lib/highlight";
import { many } from "../lib/number";
import { byTag, isGap, type Entry, type GapEntry } from "../lib/stream";
import { dayOf } from "../lib/time";
import * as live from "../live";
import { now } from "../now";
import { Icon } from "../parts/Icon";
import { Moment } from "../parts/Moment";
import { PostCard, nameOf } from "../parts/PostCard";
import { Why } from "../parts/Why";
import { addressOf } from "../route";
import { keptTags, rules } from "../rules";
import { grouped, pictures, shortcuts } from "../settings";
import { complain } from "../toast";

export function Stream() {
  const { shown, tag } = live.stream.value;
  const help = useSignal(false);
  useShortcuts(() => (help.value = true));
  const some = shown.some((e) => !isGap(e));
  return (
    <>
      <div class="head">
        <h1>{tag === null ? "Stream" : <>Stream: <bdi>{tag}</bdi></>}</h1>
        <Options help={() => (help.value = true)} />
      </div>
      <Tags tag={tag} />
      <Fresh />
      {!live.read.value && !live.failed.value && <Skeleton />}
      {!live.read.value && live.failed.value && <Failed />}
      {live.read.value && !some && <Empty tag={tag} />}
      {live.read.value && some && (grouped.value && tag === null ? <Groups entries={shown} /> : <Feed entries={shown} />)}
      <Older />
      {help.value && <Help close={() => (help.value = false)} />}
    </>
  );
}

function Options({ help }: { help: () => void }) {
  return (
    <div class="options" role="group" aria-label="How the stream is shown">
      <button class="plain" aria-pressed={grouped.value} onClick={() => (grouped.value = !grouped.value)}>By tag</button>
      <button class="plain" aria-pressed={pictures.value} onClick={() => (pictures.value = !pictures.value)} title="Pictures come from the networks’ own servers">
        <Icon name="picture" /> <span>Pictures</span>
      </button>
      <button class="plain keys" onClick={help} aria-label="Keyboard"><Icon name="keyboard" /></button>
    </div>
  );
}

function Tags({ tag }: { tag: string | null }) {
  const all = tag !== null && !keptTags.value.includes(tag) ? [...keptTags.value, tag] : keptTags.value;
  if (all.length === 0) return null;
  return (
    <nav class="tags" aria-label="Tags">
      <a class="tag" href={addressOf("stream")} aria-current={tag === null ? "true" : undefined}>All</a>
      {all.map((name) => (
        <a key={name} class="tag" href={addressOf("stream", { tag: name })} aria-current={tag === name ? "true" : undefined}><bdi>{name}</bdi></a>
      ))}
    </nav>
  );
}

/** announceAfter keeps a busy stream from talking all the time. */
const announceAfter = 4000;

/** Fresh says how many new posts wait, and shows them when asked to. */
function Fresh() {
  const news = live.fresh.value;
  const said = useSignal("");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useSignalEffect(() => {
    const n = live.fresh.value;
    if (n === 0) said.value = "";
    else timer.current ??= setTimeout(() => {
      timer.current = undefined;
      said.value = live.fresh.value > 0 ? `${many(live.fresh.value, "new post")}` : "";
    }, announceAfter);
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <div class="fresh">
      <span class="sr" role="status">{said.value}</span>
      {news > 0 && <button class="pill" onClick={showNew}><Icon name="up" /> {many(news, "new post")}</button>}
    </div>
  );
}

function showNew() {
  live.showNew();
  scrollTo({ top: 0 });
  requestAnimationFrame(() => document.querySelector<HTMLElement>("article.post")?.focus({ preventScroll: true }));
}

interface Day {
  /** What stands in front: the gap behind which the posts came, or the day that begins. */
  gap?: GapEntry;
  name?: string;
  first: number;
  matches: Match[];
}

/** daysOf cuts entries at each new day and at each gap. */
function daysOf(entries: Entry[]): Day[] {
  const days: Day[] = [];
  let name = "";
  let position = 1;
  for (const entry of entries) {
    if (isGap(entry)) {
      days.push({ gap: entry, first: position, matches: [] });
      continue;
    }
    const its = dayOf(new Date(entry.matched_at), now.value);
    const last = days.at(-1);
    if (its !== name && last?.gap && last.matches.length === 0) last.name = its;
    else if (its !== name || !last) days.push({ name: its, first: position, matches: [] });
    name = its;
    days.at(-1)!.matches.push(entry);
    position++;
  }
  return days;
}

function Feed({ entries }: { entries: Entry[] }) {
  return (
    <>
      {daysOf(entries).map((day) => (
        <Fragment key={day.gap ? day.gap.gap.next : day.name}>
          {day.gap && <GapNote entry={day.gap} />}
          {day.name && <h2 class="day">{day.name}</h2>}
          {day.matches.length > 0 && (
            <div role="feed" aria-label={`Caught posts, newest first${day.name ? `: ${day.name}` : ""}`} aria-busy={live.loadingOlder.value}>
              {day.matches.map((match, i) => <MatchCard key={match.id} match={match} position={day.first + i} />)}
            </div>
          )}
        </Fragment>
      ))}
    </>
  );
}

function Groups({ entries }: { entries: Entry[] }) {
  return (
    <>
      {byTag(entries).map(([tag, matches]) => (
        <section class="group" aria-label={tag || "without a tag"} key={tag}>
          <h2><bdi>{tag || "Without a tag"}</bdi> <span class="quiet">{many(matches.length, "post")}</span>
            {tag && <a href={addressOf("stream", { tag })}>Only these</a>}
          </h2>
          {matches.slice(0, 5).map((match, i) => <MatchCard key={match.id} match={match} position={i + 1} />)}
        </section>
      ))}
    </>
  );
}

function MatchCard({ match, position }: { match: Match; position: number }) {
  const why = useSignal(false);
  const { event } = match;
  const spans = match.rules.flatMap((r) => r.spans);
  const original = webAddress(event.url);
  const id = "why-" + match.id;
  return (
    <article class="post" tabindex={0} aria-label={`Post by ${nameOf(event)}`} aria-posinset={position} aria-setsize={-1} data-id={match.id}>
      <PostCard
        post={event}
        spans={spans}
        edited={live.edited.value.has(match.id)}
        tools={
          <div class="tools">
            <span class="chips">
              {match.rules.map((r) => r.tag && <a key={r.id} class="tag" href={addressOf("stream", { tag: r.tag })}><bdi>{r.tag}</bdi></a>)}
            </span>
            <button class="plain" aria-expanded={why.value} aria-controls={id} onClick={() => (why.value = !why.value)} data-key="w"><Icon name="why" /> Why</button>
            {original && <a class="button plain" href={original} target="_blank" rel="noopener noreferrer nofollow" data-key="o"><Icon name="open" /> Original</a>}
          </div>
        }
        footer={<div id={id}>{why.value && <Why match={match} />}</div>}
      />
    </article>
  );
}

function GapNote({ entry }: { entry: GapEntry }) {
  const { from, to } = entry.gap;
  return (
    <p class="gap" role="note">
      <Icon name="warn" />
      <span>
        Something is missing here: what changed {from && to ? <>between <Moment at={from} /> and <Moment at={to} /></> : "for a while"} is
        no longer kept. Posts below may have been edited or deleted since.
      </span>
      <button class="plain" onClick={live.reopen}>Read anew</button>
    </p>
  );
}

function Older() {
  const { prev } = live.stream.value;
  const end = useRef<HTMLDivElement>(null);
  const stuck = useSignal(false);
  const load = () => {
    stuck.value = false;
    live.loadOlder().catch((failure) => {
      stuck.value = true; // by scrolling it is not tried again and again
      complain(messageOf(failure));
    });
  };
  useEffect(() => {
    const target = end.current;
    if (!target) return;
    const watch = new IntersectionObserver((seen) => {
      if (seen.some((s) => s.isIntersecting) && !stuck.value) load();
    }, { rootMargin: "600px" });
    watch.observe(target);
    return () => watch.disconnect();
  }, [prev]);
  if (!live.read.value || live.stream.value.shown.length === 0) return null;
  return (
    <div class="older" ref={end}>
      {prev ? <button onClick={load} aria-disabled={live.loadingOlder.value}>{live.loadingOlder.value ? "Loading…" : "Older"}</button>
        : <p class="quiet small">This is where it began.</p>}
    </div>
  );
}

const Skeleton = () => (
  <div class="skeletons" role="status" aria-label="Loading posts">
    {[0, 1, 2].map((i) => <div class="post skeleton" key={i}><i /><i /><i /></div>)}
  </div>
);

function Failed() {
  const failure = live.failed.value!;
  const away = failure.status === 503;
  return (
    <div class="card center state" role="alert">
      <Icon name={away ? "pause" : "offline"} />
      <h2>{away ? "Down for maintenance" : failure.status === 0 ? "The server cannot be reached" : "This did not work"}</h2>
      <p>{failure.message}</p>
      <p class="quiet">This page tries again by itself.</p>
      <button onClick={live.retry}>Try now</button>
    </div>
  );
}

function Empty({ tag }: { tag: string | null }) {
  const known = rules.value;
  if (known && known.length === 0) {
    return (
      <div class="card center state">
        <Icon name="rules" />
        <h2>Write your first rule</h2>
        <p>A rule is what you want to hear of, in a few words, such as <code>coffee OR tea</code>. Every post that it finds appears here.</p>
        <a class="button primary" href={addressOf("rules", { new: "1" })}>Write a rule</a>
      </div>
    );
  }
  return (
    <div class="card center state">
      <Icon name="stream" />
      <h2>{tag === null ? "Nothing caught yet" : <>Nothing tagged <bdi>{tag}</bdi> yet</>}</h2>
      <p>{known ? `${many(known.filter((r) => r.enabled && r.action === "keep").length, "rule is", "rules are")} watching.` : ""} Posts appear here as they are caught; there is no need to reload.</p>
      {tag === null ? <a class="button" href={addressOf("rules")}>See your rules</a> : <a class="button" href={addressOf("stream")}>Show all tags</a>}
    </div>
  );
}

const keys: [string, string][] = [
  ["j, Page Down", "to the next post"],
  ["k, Page Up", "to the post before"],
  ["n", "show the new posts"],
  ["w", "why this post was caught"],
  ["o", "open the original"],
  ["?", "this list"],
];

/** useShortcuts lets single keys do things while nobody is typing. */
function useShortcuts(help: () => void) {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog")) return;
      const inPost = target.closest("article.post");
      if (inPost && event.key === "PageDown") return step(event, 1);
      if (inPost && event.key === "PageUp") return step(event, -1);
      if (!shortcuts.value) return;
      if (event.key === "j") step(event, 1);
      else if (event.key === "k") step(event, -1);
      else if (event.key === "n" && live.fresh.value > 0) showNew();
      else if (event.key === "?") help();
      else if (event.key === "w" || event.key === "o") inPost?.querySelector<HTMLElement>(`[data-key=${event.key}]`)?.click();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

function step(event: KeyboardEvent, by: number) {
  const posts = [...document.querySelectorAll<HTMLElement>("article.post")];
  const at = posts.findIndex((p) => p.contains(document.activeElement));
  const next = posts[at < 0 ? 0 : Math.min(posts.length - 1, Math.max(0, at + by))];
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="keys">
      <h2 id="keys">Keyboard</h2>
      <dl class="keys">
        {keys.map(([key, what]) => <div key={key}><dt>{key.split(", ").map((k) => <kbd key={k}>{k}</kbd>)}</dt><dd>{what}</dd></div>)}
      </dl>
      <label class="check"><input type="checkbox" checked={shortcuts.value} onChange={(e) => (shortcuts.value = e.currentTarget.checked)} /> Single letters work as shortcuts</label>
      <button class="primary" onClick={() => dialog.current?.close()}>Close</button>
    </dialog>
  );
}
