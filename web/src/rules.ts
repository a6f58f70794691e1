// The reader's rules, kept for all views.

import { computed, signal } from "@preact/signals";
import { call, get, type Rule, type RuleDraft } from "./api";

export const rules = signal<Rule[] | null>(null);

const named = (list: Rule[]) => [...new Set(list.map((r) => r.tag).filter((t) => t !== ""))].sort((a, b) => a.localeCompare(b));

/** tags are those of the rules, once each, by name; keptTags those that posts can have. */
export const tags = computed(() => named(rules.value ?? []));
export const keptTags = computed(() => named((rules.value ?? []).filter((r) => r.action === "keep")));

export const ruleOf = (id: string) => rules.value?.find((r) => r.id === id);

/** loadRules reads them anew. Errors: Failure. */
export async function loadRules() {
  rules.value = (await get<Rule[]>("/v1/rules")).data;
}

/** saveRule adds a draft, or replaces the rule with this id. Errors: Failure. */
export async function saveRule(draft: RuleDraft, id?: string): Promise<Rule> {
  const { value, tag, action, enabled } = draft;
  const body = { value, tag, action, enabled };
  const { data } = id ? await call<Rule>("PUT", `/v1/rules/${id}`, body) : await call<Rule>("POST", "/v1/rules", body);
  const known = rules.value ?? [];
  rules.value = known.some((r) => r.id === data.id) ? known.map((r) => (r.id === data.id ? data : r)) : [...known, data];
  return data;
}

/** removeRule removes one. Errors: Failure. */
export async function removeRule(id: string) {
  await call("DELETE", `/v1/rules/${id}`);
  rules.value = (rules.value ?? []).filter((r) => r.id !== id);
}
