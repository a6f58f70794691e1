// Where the reader is: the part of the address behind #/.

import { computed, signal } from "@preact/signals";

const read = () => (location.hash.startsWith("#/") ? location.hash.slice(2) : "");

const path = signal(read());
addEventListener("hashchange", () => (path.value = read()));

export type View = "stream" | "rules" | "access" | "pipeline";

/** view is the first part, such as rules in #/rules/new. */
export const view = computed<View>(() => {
  const [first] = path.value.split(/[/?]/);
  return first === "rules" || first === "access" || first === "pipeline" ? first : "stream";
});

/** parameters are what stands behind the question mark. */
export const parameters = computed(() => new URLSearchParams(path.value.split("?")[1] ?? ""));

/** addressOf makes a link to a view. */
export function addressOf(to: View, query: Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString();
  return `#/${to === "stream" ? "" : to}${text ? "?" + text : ""}`;
}

export function go(to: View, query: Record<string, string> = {}) {
  location.hash = addressOf(to, query);
}
