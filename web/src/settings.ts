// What a reader likes, remembered in this browser. No secrets.

import { effect, signal } from "@preact/signals";

function remembered<T extends string | boolean>(name: string, first: T) {
  let start = first;
  try {
    const kept = localStorage.getItem("riffle." + name);
    if (kept !== null) start = JSON.parse(kept) as T;
  } catch {
    // Storage may be forbidden, or hold what another version wrote.
  }
  const setting = signal<T>(start);
  effect(() => {
    const value = JSON.stringify(setting.value);
    try {
      localStorage.setItem("riffle." + name, value);
    } catch {
      // Then it lasts as long as the page.
    }
  });
  return setting;
}

/** pictures says whether they are fetched from the networks' servers, which learn of it. */
export const pictures = remembered<boolean>("pictures", true);
/** grouped shows the stream by tag. */
export const grouped = remembered<boolean>("grouped", false);
/** shortcuts lets single letters do things. */
export const shortcuts = remembered<boolean>("shortcuts", true);
