// The reader's rules, kept for all views.

import { computed, signal } from "@preact/signals";
import { call, get, type Rule, type RuleDraft } from "./api";

export const rules = signal<Rule[] | null>(null);

const named = (list: Rule[]) => [...new Set(list.map((r) => r.tag).filter((t) => t !== ""))].sort((a, b) => a.localeCompare(b));

/** tags are those of the rules, once each, by name; keptTags those that posts can have. */
export const tags = computed(() => named(rules.value ?? []));
export const keptTags = computed(() => named((rules.value ?? []).filter((r) => r.action === "keep")));

/** flooded are those that were switched off since they kept too much. */
export const flooded = computed(() => (rules.value ?? []).filter((r) => r.flooded_at && !r.enabled));

export const ruleOf = (id: string) => rules.value?.find((r) => r.id === id);

/** changes counts what was changed here, so that an answer from before it is not taken. */
let changes = 0;

/** loadRules reads them anew. Errors: Failure. */
export async function loadRules(): Promise<void> {
  const before = changes;
  const { data } = await get<Rule[]>("/v1/rules");
  if (changes !== before) return loadRules();
  rules.value = data;
}

/** every is how soon the page hears that a rule was switched off, or changed elsewhere. */
const every = 60_000;

/** watchRules reads them now and then until the function that it gives is called. */
export function watchRules(): () => void {
  const turn = () => void loadRules().catch(() => {}); // the view of the rules tells why
  turn();
  const timer = setInterval(turn, every);
  return () => {
    clearInterval(timer);
    rules.value = null;
  };
}

/** saveRule adds a draft, or replaces the rule with this id. Errors: Failure. */
export async function saveRule(draft: RuleDraft, id?: string): Promise<Rule> {
  const { value, tag, action, enabled } = draft;
  const body = { value, tag, action, enabled };
  const { data } = id ? await call<Rule>("PUT", `/v1/rules/${id}`, body) : await call<Rule>("POST", "/v1/rules", body);
  changes++;
  const known = rules.value ?? [];
  rules.value = known.some((r) => r.id === data.id) ? known.map((r) => (r.id === data.id ? data : r)) : [...known, data];
  return data;
}

/** removeRule removes one. Errors: Failure. */
export async function removeRule(id: string) {
  await call("DELETE", `/v1/rules/${id}`);
  changes++;
  rules.value = (rules.value ?? []).filter((r) => r.id !== id);
}
