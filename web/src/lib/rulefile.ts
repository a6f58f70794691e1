// Rules in a file, in the forms that `riffle rule import` and `export` know: the
// project's own JSON, X's {"add":[…]}, and plain lists.

import type { RuleDraft } from "../api";

/** fileOf writes rules in the project's form, without what belongs to one server alone. */
export function fileOf(rules: RuleDraft[]): string {
  const drafts = rules.map(({ value, tag, action, enabled }) => ({ value, tag, action, enabled }));
  return `[\n${drafts.map((d) => "  " + JSON.stringify(d)).join(",\n")}\n]\n`;
}

/**
 * draftsIn reads rules from a file.
 *
 * Errors: with the place in the list.
 */
export function draftsIn(text: string): RuleDraft[] {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  const drafts = /^[[{]/.test(trimmed) ? listOf(trimmed).map(draftOf) : linesOf(trimmed);
  if (drafts.length === 0) throw new Error("There are no rules in it.");
  return drafts;
}

/** linesOf reads a rule a line; a # and a space begin a remark, #tag is a rule. */
const linesOf = (text: string): RuleDraft[] =>
  text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "" && !/^#(\s|$)/.test(line))
    .map((value) => ({ value, tag: "", action: "keep", enabled: true }));

function listOf(text: string): unknown[] {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch (error) {
    throw new Error(`It is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (Array.isArray(whole)) return whole;
  const { add, data } = whole as Record<string, unknown>;
  if (!Array.isArray(add) && !Array.isArray(data)) throw new Error('There are no rules in it: neither "add" nor "data" is a list.');
  return [...(Array.isArray(add) ? add : []), ...(Array.isArray(data) ? data : [])];
}

function draftOf(one: unknown, i: number): RuleDraft {
  const { value, tag, action, enabled } = (one ?? {}) as Record<string, unknown>;
  if (typeof value !== "string" || value.trim() === "") throw new Error(`Rule ${i + 1} has no "value".`);
  if (action !== undefined && action !== "keep" && action !== "drop") throw new Error(`Rule ${i + 1}: "action" must be keep or drop.`);
  return { value, tag: typeof tag === "string" ? tag : "", action: action ?? "keep", enabled: enabled !== false };
}
