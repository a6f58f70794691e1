import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { call, Failure, get, messageOf, type Rule, type RuleDraft } from "../api";
import { brief, count, many } from "../lib/number";
import { draftsIn, fileOf } from "../lib/rulefile";
import { when } from "../lib/time";
import { now } from "../now";
import { Days } from "../parts/Chart";
import { Icon } from "../parts/Icon";
import { Moment } from "../parts/Moment";
import { addressOf, go, parameters } from "../route";
import { loadRules, removeRule, rules, saveRule } from "../rules";
import { may } from "../session";
import { complain, say } from "../toast";
import { RuleEditor } from "./RuleEditor";

export function Rules() {
  const failure = useSignal("");
  const asked = parameters.value;
  const edited = asked.get("edit");
  const writes = may("write");
  const load = () => loadRules().then(() => (failure.value = ""), (error) => (failure.value = messageOf(error)));
  useEffect(() => void load(), []);
  const list = rules.value;
  const editing = asked.has("new") || edited !== null;
  /** landing is what has the focus once the editor is closed: who writes by keyboard goes on from there. */
  const landing = useRef("");
  useEffect(() => {
    if (editing || !landing.current) return;
    const to = document.getElementById(landing.current);
    landing.current = "";
    to?.focus();
    to?.scrollIntoView({ block: "nearest" });
  }, [editing]);
  const close = (id?: string) => {
    landing.current = id ? "rule-" + id : "new-rule";
    go("rules");
  };
  return (
    <>
      <div class="head">
        <h1>Rules</h1>
        <div class="options">
          {writes && <Import />}
          {list && list.length > 0 && <button class="plain" onClick={() => save(list)}><Icon name="down" /> Export</button>}
          {writes && <a id="new-rule" class="button primary" href={addressOf("rules", { new: "1" })}><Icon name="plus" /> New rule</a>}
        </div>
      </div>
      {writes && asked.has("new") && (
        <RuleEditor key={asked.toString()} rule={undefined} start={{ value: asked.get("value") ?? "", action: asked.get("action") === "drop" ? "drop" : "keep" }} close={close} />
      )}
      {!list && !failure.value && <div class="skeletons" role="status" aria-label="Loading rules">{[0, 1, 2].map((i) => <div class="post skeleton" key={i}><i /><i /></div>)}</div>}
      {failure.value && !list && (
        <div class="card center state" role="alert"><Icon name="offline" /><h2>The rules could not be read</h2><p>{failure.value}</p><button onClick={load}>Try again</button></div>
      )}
      {list && list.length === 0 && !asked.has("new") && (
        <div class="card center state">
          <Icon name="rules" />
          <h2>No rules yet</h2>
          <p>A rule says which posts you want to see. The simplest is a word.</p>
          {writes && <a class="button primary" href={addressOf("rules", { new: "1" })}>Write the first</a>}
        </div>
      )}
      {list && list.length > 0 && <RuleList list={list} edited={edited} close={close} writes={writes} />}
    </>
  );
}

/** useDays reads how many matches each rule had a day, as far as the server tells. */
function useDays() {
  const days = useSignal<Map<string, number[]>>(new Map());
  useEffect(() => {
    get<{ id: string; by_day: number[] }[]>("/v1/rules/counts").then(
      ({ data }) => (days.value = new Map(data.map((d) => [d.id, d.by_day]))),
      () => {}, // the number of the last day stands beside it
    );
  }, []);
  return days.value;
}

function RuleList({ list, edited, close, writes }: { list: Rule[]; edited: string | null; close: (id?: string) => void; writes: boolean }) {
  const days = useDays();
  return (
    <ul class="rules">
      {list.map((rule) => (
        <li key={rule.id}>
          {rule.id === edited && writes ? <RuleEditor rule={rule} start={{}} close={close} /> : <RuleCard rule={rule} writes={writes} days={days.get(rule.id)} />}
        </li>
      ))}
    </ul>
  );
}

function RuleCard({ rule, writes, days }: { rule: Rule; writes: boolean; days: number[] | undefined }) {
  const draft: RuleDraft = rule;
  const name = rule.tag || rule.value;
  async function toggle(enabled: boolean) {
    try {
      await saveRule({ ...draft, enabled }, rule.id);
    } catch (error) {
      complain(messageOf(error));
      await loadRules().catch(() => {});
    }
  }
  async function remove() {
    try {
      await removeRule(rule.id);
      say("Rule deleted.", () => void saveRule(draft).then(() => say("The rule is back."), (error) => complain(messageOf(error))));
    } catch (error) {
      complain(messageOf(error));
    }
  }
  return (
    <article id={"rule-" + rule.id} tabindex={-1} class={rule.enabled ? "card rulecard" : "card rulecard off"} aria-label={`Rule ${name}`}>
      <div class="what">
        <p class="chips">
          {rule.tag && <span class="tag"><bdi>{rule.tag}</bdi></span>}
          {rule.action === "drop" && <span class="tag drop">drops</span>}
          {!rule.enabled && <span class="tag off">off</span>}
          {rule.flooded_at && <span class="tag drop">flooded</span>}
        </p>
        <p class="value"><code dir="auto">{rule.value}</code></p>
        {rule.flooded_at && <p class="small warning"><Icon name="warn" label="Warning" /> <span>It kept so much that it was switched off <Moment at={rule.flooded_at} />. Narrow it down, or switch it on again.</span></p>}
        {rule.warnings.map((w) => <p class="small warning" key={w.code}><Icon name="warn" label="Warning" /> <span>{w.message} {w.hint}</span></p>)}
      </div>
      <div class="much">
        {days && days.some((n) => n > 0) && <Days counts={days} />}
        <p class="small quiet"><strong>{brief(rule.matches_24h)}</strong> in 24 h</p>
        {rule.last_match_at && <p class="small quiet">last {when(new Date(rule.last_match_at), now.value)}</p>}
      </div>
      {writes && (
        <div class="tools">
          <label class="check switch"><input type="checkbox" role="switch" checked={rule.enabled} onChange={(e) => void toggle(e.currentTarget.checked)} /> <span>On<span class="sr"> ({name})</span></span></label>
          <a class="button plain" href={addressOf("rules", { edit: rule.id })}><Icon name="edit" /> Edit<span class="sr"> {name}</span></a>
          <button class="plain danger" onClick={remove}><Icon name="bin" /> Delete<span class="sr"> {name}</span></button>
        </div>
      )}
    </article>
  );
}

/** save hands the rules to the browser as a file. */
function save(list: Rule[]) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([fileOf(list)], { type: "application/json" }));
  link.download = `riffle-rules-${new Date().toISOString().slice(0, 10)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function Import() {
  const input = useRef<HTMLInputElement>(null);
  const busy = useSignal(false);
  async function read(file: File | undefined) {
    if (!file) return;
    busy.value = true;
    try {
      await bringIn(draftsIn(await file.text()));
    } catch (error) {
      complain(`${file.name}: ${messageOf(error)}`);
    } finally {
      busy.value = false;
      if (input.current) input.current.value = "";
    }
  }
  return (
    <>
      <button class="plain" disabled={busy.value} onClick={() => input.current?.click()}><Icon name="up" /> {busy.value ? "Importing…" : "Import"}</button>
      <input ref={input} hidden type="file" accept=".json,.txt,.list,application/json,text/plain" onChange={(e) => void read(e.currentTarget.files?.[0])} />
    </>
  );
}

/** bringIn adds drafts one by one, and says which could not be added. */
async function bringIn(drafts: RuleDraft[]) {
  let added = 0;
  let known = 0;
  const wrong: string[] = [];
  for (const draft of drafts) {
    try {
      await call("POST", "/v1/rules", draft);
      added++;
    } catch (error) {
      if (!(error instanceof Failure) || error.status !== 422) throw error;
      if (error.errors.some((m) => m.code === "duplicate_rule")) known++;
      else wrong.push(`${draft.value}: ${error.message}`);
    }
  }
  await loadRules();
  const said = `${many(added, "rule")} added${known > 0 ? `, ${count(known)} there already` : ""}.`;
  if (wrong.length === 0) say(said);
  else complain(`${said} ${many(wrong.length, "was", "were")} refused, the first: ${wrong[0]}`);
}

