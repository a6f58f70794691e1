import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { call, Failure, messageOf, type Explanation, type Mistake, type Preview, type Rule, type RuleDraft, type Verdict } from "../api";
import { brief, count, many, percent } from "../lib/number";
import { persist } from "../lib/persist";
import { PostCard } from "../parts/PostCard";
import { RuleField } from "../parts/RuleField";
import { Explained } from "../parts/Why";
import { view } from "../route";
import { saveRule, tags } from "../rules";
import { say } from "../toast";

/** Two rests while typing: the check is cheap, the preview runs over what is stored. */
const checkAfter = 200;
const previewAfter = 350;

const rest = (ms: number, signal: AbortSignal) =>
  new Promise<void>((done, failed) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      failed(new DOMException("given up", "AbortError"));
    });
  });

/** Checked is what the server says of a rule as it stands. */
interface Checked {
  value: string;
  verdict: Verdict | null;
  preview: Preview | null;
  failure: string;
}

/** useCheck lets the server look at a rule while it is written. */
function useCheck(value: string, id: string | undefined) {
  const checked = useSignal<Checked>({ value: "", verdict: null, preview: null, failure: "" });
  useEffect(() => {
    const end = new AbortController();
    const look = async () => {
      if (value.trim() === "") {
        checked.value = { value, verdict: null, preview: null, failure: "" };
        return;
      }
      await rest(checkAfter, end.signal);
      const { data: verdict } = await call<Verdict>("POST", "/v1/rules/validate", { value, id }, end.signal);
      checked.value = { value, verdict, preview: verdict.valid ? checked.value.preview : null, failure: "" };
      if (!verdict.valid) return;
      await rest(previewAfter, end.signal);
      const { data: preview } = await call<Preview>("POST", "/v1/rules/preview", { value }, end.signal);
      checked.value = { value, verdict, preview, failure: "" };
    };
    void persist(look, (error) => (checked.value = { ...checked.value, value, failure: messageOf(error) }), end.signal);
    return () => end.abort();
  }, [value, id]);
  return checked;
}

/** without leaves out what the check says already. */
const without = (list: Mistake[], others: Mistake[]) => list.filter((m) => !others.some((o) => o.code === m.code && o.offset === m.offset));

export function RuleEditor({ rule, start, close }: { rule: Rule | undefined; start: Partial<RuleDraft>; close: (id?: string) => void }) {
  const draft = useSignal<RuleDraft>({
    value: rule?.value ?? start.value ?? "", tag: rule?.tag ?? start.tag ?? "", action: rule?.action ?? start.action ?? "keep", enabled: rule?.enabled ?? true,
  });
  const refused = useSignal<Mistake[]>([]);
  const failed = useSignal("");
  const busy = useSignal(false);
  const { value, tag, action } = draft.value;
  const checked = useCheck(value, rule?.id);
  const box = useRef<HTMLFormElement>(null);
  useEffect(() => {
    box.current?.scrollIntoView({ block: "nearest" });
    box.current?.querySelector<HTMLElement>("textarea")?.focus({ preventScroll: true });
  }, []);

  const change = (part: Partial<RuleDraft>) => {
    draft.value = { ...draft.value, ...part };
    refused.value = [];
    failed.value = "";
  };

  async function save() {
    if (busy.value || value.trim() === "") return;
    busy.value = true;
    try {
      const { id } = await saveRule(draft.value, rule?.id);
      say(rule ? "Rule saved. It is live within two seconds." : "Rule added. It is live within two seconds.");
      if (view.value === "rules") close(id); // else the reader has gone on meanwhile
    } catch (error) {
      if (error instanceof Failure && error.errors.some((m) => m.offset !== undefined)) refused.value = error.errors;
      else failed.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  }

  const { verdict, preview, failure } = checked.value;
  const current = checked.value.value === value;
  const errors = [...(current ? verdict?.errors ?? [] : []), ...without(refused.value, verdict?.errors ?? [])];
  const warnings = current ? [...(verdict?.warnings ?? []), ...without(preview?.warnings ?? [], verdict?.warnings ?? [])] : [];
  return (
    <form ref={box} class="card editor" aria-label={rule ? "Edit the rule" : "New rule"} onSubmit={(e) => { e.preventDefault(); void save(); }}>
      <h2>{rule ? "Edit the rule" : "New rule"}</h2>
      <label for="rule-value">Rule</label>
      <RuleField id="rule-value" value={value} errors={errors} warnings={warnings} change={(v) => change({ value: v })} submit={() => void save()} />
      {value.trim() === "" && <Primer />}
      <div class="row">
        <div>
          <label for="rule-tag">Tag</label>
          <input id="rule-tag" list="rule-tags" value={tag} maxLength={100} autocomplete="off" placeholder="such as drinks" onInput={(e) => change({ tag: e.currentTarget.value })} />
          <datalist id="rule-tags">{tags.value.map((t) => <option key={t} value={t} />)}</datalist>
        </div>
        <fieldset class="choice">
          <legend>What it does</legend>
          <label class="check"><input type="radio" name="action" checked={action === "keep"} onChange={() => change({ action: "keep" })} /> Keep</label>
          <label class="check"><input type="radio" name="action" checked={action === "drop"} onChange={() => change({ action: "drop" })} /> Drop</label>
        </fieldset>
      </div>
      {action === "drop" && <p class="quiet small">A post that it finds is dropped, whatever other rules say.</p>}
      {failed.value && <p class="wrong" role="alert">{failed.value}</p>}
      <div class="buttons">
        <button class="primary" disabled={busy.value || value.trim() === "" || errors.length > 0}>{busy.value ? "Saving…" : rule ? "Save" : "Add the rule"}</button>
        <button type="button" class="plain" onClick={() => close(rule?.id)}>Cancel</button>
      </div>
      {value.trim() !== "" && (failure || verdict?.valid) && (
        <section class={current && preview ? "preview" : "preview stale"} aria-label="What it would have caught">
          {failure && <p class="wrong">{failure}</p>}
          {verdict?.valid && verdict.canonical !== value.trim() && <p class="small quiet">Understood as <code class="rule" dir="auto">{verdict.canonical}</code></p>}
          {preview && verdict?.valid && <Previewed preview={preview} action={action} />}
          {verdict?.valid && <TryOut value={value} />}
        </section>
      )}
    </form>
  );
}

const Primer = () => (
  <ul class="primer small quiet">
    <li><code>coffee tea</code> both words</li>
    <li><code>coffee OR tea</code> either</li>
    <li><code>"night train"</code> words in a row</li>
    <li><code>cat -dog</code> not with that</li>
    <li><code>#caturday</code> <code>@ann</code> <code>from:ann</code></li>
    <li><code>kitten has:images lang:en</code></li>
  </ul>
);

function Previewed({ preview, action }: { preview: Preview; action: "keep" | "drop" }) {
  if (preview.looked_at === 0) return <p class="quiet">Nothing is stored yet to try it on.</p>;
  return (
    <>
      <div class="figures" role="status">
        <p><strong>{count(preview.count)}</strong> <span class="quiet">of {count(preview.looked_at)} stored posts {action === "drop" ? "dropped" : "caught"}</span></p>
        {preview.count > 0 && <p><strong>{percent(preview.share)}</strong> <span class="quiet">of all</span></p>}
        {preview.count > 0 && <p><strong>≈ {brief(preview.per_day)}</strong> <span class="quiet">a day</span></p>}
      </div>
      {preview.samples.length > 0 && (
        <details class="samples" open>
          <summary>{preview.samples.length === 1 ? "The post" : `The newest ${many(preview.samples.length, "post")}`} it would have {action === "drop" ? "dropped" : "caught"}</summary>
          {preview.samples.map(({ event, spans }) => <article class="post sample" key={event.key}><PostCard post={event} spans={spans} /></article>)}
        </details>
      )}
    </>
  );
}

/** TryOut asks whether the rule matches a text of the reader's own, and why not. */
function TryOut({ value }: { value: string }) {
  const text = useSignal("");
  const answer = useSignal<Explanation | null>(null);
  const wrong = useSignal("");
  const mine = text.value;
  useEffect(() => {
    const end = new AbortController();
    const ask = async () => {
      answer.value = null;
      wrong.value = "";
      if (mine.trim() === "") return;
      await rest(checkAfter, end.signal);
      answer.value = (await call<Explanation>("POST", "/v1/rules/explain", { value, event: eventOf(mine) }, end.signal)).data;
    };
    void persist(ask, (error) => (wrong.value = messageOf(error)), end.signal);
    return () => end.abort();
  }, [mine, value]);
  return (
    <div class="tryout">
      <label for="try">Try it on a text of your own</label>
      <input id="try" dir="auto" value={mine} autocomplete="off" onInput={(e) => (text.value = e.currentTarget.value)} />
      <div role="status">
        {wrong.value && <p class="wrong">{wrong.value}</p>}
        {answer.value && <Explained value={value} explanation={answer.value} post={eventOf(mine)} />}
      </div>
    </div>
  );
}

/** eventOf makes a post of a text, with the tags and handles in it. */
function eventOf(text: string) {
  const all = (sign: string) => [...text.matchAll(new RegExp(`(?<![\\p{L}\\p{N}_])[${sign}]([\\p{L}\\p{N}_][\\p{L}\\p{M}\\p{N}_.]*)`, "gu"))].map((m) => m[1]!.replace(/\.$/, ""));
  return { key: "page:try", text, hashtags: all("#"), mentions: all("@"), links: [...text.matchAll(/https?:\/\/\S+/g)].map((m) => m[0]) };
}
