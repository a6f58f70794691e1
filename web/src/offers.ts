// What this server can do: it may be older or newer than this page.

import { signal } from "@preact/signals";
import { request } from "./api";

const paths = signal<ReadonlySet<string> | null>(null);

/** learnOffers reads the server's own description once. */
export async function learnOffers() {
  if (paths.value) return;
  try {
    const document = (await (await request("/openapi.json", {})).json()) as { paths: Record<string, Record<string, unknown>> };
    paths.value = new Set(Object.entries(document.paths).flatMap(([path, calls]) => Object.keys(calls).map((method) => `${method.toUpperCase()} ${path}`)));
  } catch {
    // Then nothing is offered, and the next view asks again.
  }
}

/** offers says whether the server has a call, such as "POST /v1/stages/{stage}/pause". */
export const offers = (call: string) => paths.value?.has(call) ?? false;
