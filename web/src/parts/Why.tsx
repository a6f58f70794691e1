import { useSignal } from "@preact/signals";
import { call, messageOf, type Explanation, type Match, type MatchingRule, type Post, type Span } from "../api";
import { placeOf, rangesOf, valueAt, whole } from "../lib/highlight";
import { addressOf } from "../route";
import { ruleOf, rules } from "../rules";
import { may } from "../session";
import { Icon } from "./Icon";
import { RuleText } from "./RuleText";

/** Why tells which rules kept a post and by what, and asks another why it did not. */
export function Why({ match }: { match: Match }) {
  const { event } = match;
  return (
    <div class="why">
      {match.rules.map((r) => <Reason key={r.id} rule={r} post={event} />)}
      <Another match={match} />
      {may("write") && event.author && (event.author.handle || event.author.id) && (
        <p><a class="button plain" href={addressOf("rules", { new: "1", action: "drop", value: `from:${event.author.handle || event.author.id}` })}>
          <Icon name="mute" /> Drop posts like this…
        </a></p>
      )}
    </div>
  );
}

function Reason({ rule, post }: { rule: MatchingRule; post: Post }) {
  const known = ruleOf(rule.id);
  return (
    <div class="reason">
      <p>
        {rule.tag && <span class="tag"><bdi>{rule.tag}</bdi></span>}{" "}
        {known ? <RuleText value={known.value} /> : <span class="quiet">A rule that has changed or gone since</span>}
        {known && <a class="small" href={addressOf("rules", { edit: known.id })}>Edit<span class="sr"> the rule</span></a>}
      </p>
      <Found post={post} spans={rule.spans} />
    </div>
  );
}

/** Found lists what satisfied a rule, and where. */
export function Found({ post, spans }: { post: Post; spans: Span[] }) {
  if (spans.length === 0) return null;
  return (
    <ul class="found">
      {spans.map((span) => {
        const value = valueAt(post, span.field);
        const [range] = whole(value, rangesOf(value, [span]));
        const words = range ? value.slice(range.start, range.end) : value;
        return <li key={`${span.field} ${span.start}`}>{words && <mark dir="auto">{words}</mark>} <span class="quiet">{placeOf(post, span.field)}</span></li>;
      })}
    </ul>
  );
}

function Another({ match }: { match: Match }) {
  const answer = useSignal<{ value: string; explanation: Explanation } | null>(null);
  const wrong = useSignal("");
  const others = (rules.value ?? []).filter((r) => !match.rules.some((m) => m.id === r.id));
  if (others.length === 0) return null;
  const id = "ask-" + match.id;
  async function ask(rule: string) {
    answer.value = null;
    wrong.value = "";
    const value = ruleOf(rule)?.value;
    if (!value) return;
    try {
      const { data } = await call<Explanation>("POST", "/v1/rules/explain", { value, match: match.id });
      answer.value = { value, explanation: data };
    } catch (error) {
      wrong.value = messageOf(error);
    }
  }
  return (
    <div class="another">
      <label for={id}>And why not by</label>
      <select id={id} onChange={(e) => void ask(e.currentTarget.value)}>
        <option value="">another rule…</option>
        {others.map((r) => <option key={r.id} value={r.id}>{r.tag ? `${r.tag}: ` : ""}{r.value}</option>)}
      </select>
      <div role="status">
        {wrong.value && <p class="wrong">{wrong.value}</p>}
        {answer.value && <Explained {...answer.value} post={match.event} />}
      </div>
    </div>
  );
}

/** Explained says why a rule matches a post, or what it lacks. */
export function Explained({ value, explanation, post }: { value: string; explanation: Explanation; post: Post }) {
  if (explanation.matches) {
    return <><p class="yes"><Icon name="check" /> It matches this post.</p><Found post={post} spans={explanation.spans} /></>;
  }
  const absent = explanation.missing.filter((m) => !m.excluded);
  const forbidden = explanation.missing.filter((m) => m.excluded);
  return (
    <>
      <p class="no"><Icon name="close" /> It does not match this post.</p>
      <p><RuleText value={value} marks={explanation.missing} /></p>
      <ul class="found">
        {absent.map((m) => <li key={m.offset}><code>{m.term}</code> <span class="quiet">is not there</span></li>)}
        {forbidden.map((m) => <li key={m.offset}><code>{m.term}</code> <span class="quiet">is there, and the rule forbids it</span></li>)}
      </ul>
    </>
  );
}
