import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { brief, bytes, count, many } from "../lib/number";
import { clock, full, lasting, when } from "../lib/time";
import { now } from "../now";
import { learnOffers } from "../offers";
import { Lines } from "../parts/Chart";
import { DeadLetters } from "../parts/DeadLetters";
import { Icon, type IconName } from "../parts/Icon";
import { PausedBy } from "../parts/Notices";
import { PauseControl } from "../parts/PauseControl";
import { history, hourOf, lookNow, paused, rateOf, running, samples, stagesOf, status, statusFailure, type Stage, type Status } from "../status";

export function Pipeline() {
  useEffect(() => void learnOffers(), []);
  const s = status.value;
  const failure = statusFailure.value;
  return (
    <>
      <div class="head">
        <h1>Pipeline</h1>
        {s && <p class="quiet small">riffle {s.version}, as of <time dateTime={s.now}>{clock(new Date(s.now))}</time></p>}
      </div>
      {failure && (
        <div class={s ? "notice" : "card center state"} role="alert">
          <Icon name="offline" /><span>{s ? "What stands here is old: " : ""}{failure.message}</span><button class={s ? "plain" : ""} onClick={() => lookNow()}>Try now</button>
        </div>
      )}
      {!s && !failure && <div class="skeletons" role="status" aria-label="Loading the status"><div class="post skeleton"><i /><i /><i /></div></div>}
      {s && <><Picture s={s} /><Charts /><DeadLetters /><Stages s={s} /></>}
    </>
  );
}

type Mood = "good" | "warn" | "bad" | "idle";

interface NodeProps {
  name: string;
  icon: IconName;
  mood: Mood;
  state: string;
  figure: string;
  unit: string;
  children?: ComponentChildren;
}

function Node({ name, icon, mood, state, figure, unit, children }: NodeProps) {
  return (
    <li class={"node " + mood}>
      <h2><Icon name={icon} /> {name}</h2>
      <p class="state-line"><i aria-hidden="true" /> {state}</p>
      <p class="figure"><strong>{figure}</strong> <span class="quiet">{unit}</span></p>
      <div class="small quiet details">{children}</div>
    </li>
  );
}

/** Flow is the way from one part to the next. */
const Flow = ({ rate }: { rate: number }) => (
  <li class={rate > 0 ? "flow moving" : "flow"} aria-hidden="true"><i /><span>{rate > 0 ? `${brief(rate)}/s` : ""}</span></li>
);

/** wordOf says the state of a stage as a person would. */
const wordOf = (state: string) => (state === "pausing" ? "pausing…" : state.replaceAll("_", " "));

/** mood of the instances of a stage, and the word for it. */
function moodOf(stages: Stage[]): [Mood, string] {
  const alive = stages.filter(running);
  if (alive.length === 0) return stages.length === 0 ? ["idle", "not seen"] : ["bad", stages.some((s) => s.state === "silent") ? "silent" : "stopped"];
  const odd = ["pausing", "paused"].find((state) => alive.some((s) => s.state === state)) ?? alive.map((s) => s.state).find((state) => !["running", "reading", "working", "ended"].includes(state));
  if (odd) return ["warn", wordOf(odd)];
  if (stages.some((s) => s.state === "silent")) return ["warn", `${alive.length} of ${stages.length} alive`];
  return ["good", alive[0]!.state];
}

const total = (stages: Stage[], what: string) => stages.reduce((n, s) => n + (s.totals?.[what] ?? 0), 0);

function Picture({ s }: { s: Status }) {
  const ingests = stagesOf(s, "ingest"), filters = stagesOf(s, "filter"), apis = stagesOf(s, "api");
  const [inMood, inState] = moodOf(ingests), [filterMood, filterState] = moodOf(filters), [apiMood, apiState] = moodOf(apis);
  const { buffer, store } = s;
  const held = (stage: string) => paused.value.find((p) => p.stage === stage);
  const ingested = rateOf(s, "ingest"), judged = rateOf(s, "filter");
  const spooled = ingests.reduce((n, x) => n + (x.spool?.events ?? 0), 0);
  const matched = samples.value.at(-1)?.matched ?? 0;
  return (
    <ol class="picture" aria-label="The way of an event">
      <Node name="Ingest" icon="source" mood={inMood} state={inState} figure={brief(ingested)} unit="events/s">
        {ingests.filter(running).map((x) => <p key={x.instance}><bdi>{x.name}</bdi>: {wordOf(x.state)}</p>)}
        {total(ingests, "rejected") > 0 && <p>{count(total(ingests, "rejected"))} rejected</p>}
        {total(ingests, "gaps") > 0 && <p class="warning">{many(total(ingests, "gaps"), "gap")}</p>}
        {spooled > 0 && <p class="warning">{many(spooled, "event")} in the spool</p>}
        <Held at={held("ingest")} /><PauseControl stage="ingest" name="all ingests" paused={held("ingest")} />
      </Node>
      <Flow rate={ingested} />
      <Node name="Buffer" icon="stack" mood={buffer.reachable ? (buffer.lag_ms > 10_000 ? "warn" : "good") : "bad"} state={buffer.reachable ? "reachable" : "not reachable"} figure={brief(buffer.events)} unit={buffer.events === 1 ? "event waits" : "events wait"}>
        <p>Lag {buffer.events > 0 || buffer.frames_in_flight > 0 || buffer.lag_ms > 0 ? lasting(buffer.lag_ms) : "none"}</p>
        <p>{bytes(buffer.bytes)}, {many(buffer.frames_in_flight, "frame")} in flight</p>
        {buffer.where && <p><bdi>{buffer.where}</bdi></p>}
        {buffer.error && <p class="warning"><bdi>{buffer.error}</bdi></p>}
      </Node>
      <Flow rate={judged} />
      <Node name="Filter" icon="rules" mood={filterMood} state={filterState} figure={brief(judged)} unit="events/s">
        <p>{many(filters.filter(running).length, "filter")}, {many(Math.max(0, ...filters.map((f) => f.totals?.rules ?? 0)), "rule")}</p>
        <p>{count(total(filters, "matches"))} matches since start</p>
        <Held at={held("filter")} /><PauseControl stage="filter" name="the filter" paused={held("filter")} />
      </Node>
      <Flow rate={matched} />
      <Node name="Store" icon="database" mood={store.reachable ? "good" : "bad"} state={store.reachable ? "reachable" : "not reachable"} figure={store.reachable ? brief(store.ping_ms) : "–"} unit="ms to answer">
        {store.where && <p><bdi>{store.where}</bdi></p>}
        {store.error && <p class="warning"><bdi>{store.error}</bdi></p>}
        {store.dead_letters != null && <p class={store.dead_letters > 0 ? "warning" : ""}>{many(store.dead_letters, "dead letter")}</p>}
      </Node>
      <Flow rate={matched} />
      <Node name="Api" icon="feed" mood={apiMood} state={apiState} figure={brief(rateOf(s, "api", "requests"))} unit="requests/s">
        <p>{many(apis.filter(running).length, "api")}, {many(total(apis, "streams"), "open stream")}</p>
        <Held at={held("api")} /><PauseControl stage="api" name="the api" paused={held("api")} />
      </Node>
    </ol>
  );
}

const Held = ({ at }: { at: ReturnType<typeof paused.value.find> }) => (at ? <p>Paused<PausedBy paused={at} /></p> : null);

function Charts() {
  const list = hourOf(status.value?.history ?? [], samples.value);
  const to = list.at(-1)?.at ?? Date.now();
  const from = Math.max(to - history, Math.min(list[0]?.at ?? to, to - 5 * 60_000));
  const of = (what: "ingested" | "judged" | "matched" | "depth" | "lag") => list.map((s) => ({ at: s.at, value: s[what] }));
  return (
    <section class="card" aria-labelledby="charts">
      <h2 id="charts">The last hour</h2>
      <p class="small quiet">A point a minute, and more while this page is open. Where a line is interrupted, nobody was there to look.</p>
      <div class="charts">
        <Lines title="Events" unit="/s" from={from} to={to} series={[{ name: "read", points: of("ingested") }, { name: "judged", points: of("judged") }]} />
        <Lines title="Matches" unit="/s" from={from} to={to} series={[{ name: "kept", points: of("matched") }]} />
        <Lines title="Waiting in the buffer" unit="events" from={from} to={to} series={[{ name: "depth", points: of("depth") }]} />
        <Lines title="Lag" unit="s" from={from} to={to} series={[{ name: "lag", points: of("lag") }]} />
      </div>
    </section>
  );
}

function Stages({ s }: { s: Status }) {
  return (
    <section class="card" aria-labelledby="stages">
      <h2 id="stages">Stages</h2>
      {s.stages.length === 0 ? <p class="quiet">No stage has left a sign of life.</p> : (
        <ul class="stages">{s.stages.map((stage) => <StageRow key={stage.instance} stage={stage} />)}</ul>
      )}
      {s.buffer.sources.length > 0 && (
        <div class="scroll" tabindex={0} role="region" aria-label="Sources">
          <table>
            <caption>What waits, by source</caption>
            <thead><tr><th scope="col">Source</th><th scope="col">Waiting</th><th scope="col">In flight</th><th scope="col">Lag</th><th scope="col">Last push</th></tr></thead>
            <tbody>
              {s.buffer.sources.map((d) => (
                <tr key={d.source}>
                  <th scope="row"><bdi>{d.source}</bdi></th><td>{count(d.events)}</td><td>{many(d.frames_in_flight, "frame")}</td><td>{d.oldest || d.lag_ms > 0 ? lasting(d.lag_ms) : "none"}{d.behind_ms != null && d.behind_ms > 60_000 && <span class="quiet"> ({lasting(d.behind_ms)} behind its source)</span>}</td>
                  <td>{d.pushed_at ? <time dateTime={d.pushed_at} title={full(new Date(d.pushed_at))}>{when(new Date(d.pushed_at), now.value)}</time> : "never"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function StageRow({ stage }: { stage: Stage }) {
  const [mood] = moodOf([stage]);
  const one = stage.name ? `${stage.stage}/${stage.name}` : stage.stage;
  const held = paused.value.find((p) => p.stage === one);
  const totals = Object.entries(stage.totals ?? {}).filter(([, n]) => n > 0);
  return (
    <li class={"stage " + mood}>
      <div class="stage-head">
        <p><i class="dot" aria-hidden="true" /> <strong>{stage.stage}</strong> {stage.name && <bdi>{stage.name}</bdi>} <span class="quiet">{wordOf(stage.state)}</span></p>
        {stage.stage === "ingest" && running(stage) && <PauseControl stage={one} name={`the ingest of ${stage.name}`} paused={held} />}
      </div>
      <p class="small quiet">
        {stage.host}, process {stage.pid}
        {stage.started_at && <>, up {lasting(now.value.getTime() - Date.parse(stage.started_at))}</>}
        {stage.seen_at && !running(stage) && <>, last seen <time dateTime={stage.seen_at}>{when(new Date(stage.seen_at), now.value)}</time></>}
      </p>
      {totals.length > 0 && <p class="small totals">{totals.map(([name, n]) => <span key={name}><b>{count(n)}</b> {name.replaceAll("_", " ")}</span>)}</p>}
      {stage.spool && stage.spool.events > 0 && <p class="small warning"><Icon name="stack" label="Spool" /> <span>{many(stage.spool.events, "event")} ({bytes(stage.spool.bytes)}) wait on its own disk</span></p>}
      {stage.last_error && <p class="small warning"><Icon name="warn" label="Last error" /> <span><bdi>{stage.last_error}</bdi>{stage.last_error_at && <span class="quiet"> {when(new Date(stage.last_error_at), now.value)}</span>}</span></p>}
      {(stage.notices ?? []).slice(-3).map((n, i) => <p class="small warning" key={i}><Icon name="warn" label={n.kind} /> <span>{n.kind}: <bdi>{n.text}</bdi>{n.from && <> from {when(new Date(n.from), now.value)}</>}{n.to && <> to {when(new Date(n.to), now.value)}</>}</span></p>)}
    </li>
  );
}
