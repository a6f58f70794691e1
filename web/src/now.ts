// The time of day, for what says how long ago something was.

import { signal } from "@preact/signals";

export const now = signal(new Date());
setInterval(() => {
  if (!document.hidden) now.value = new Date();
}, 20_000);
document.addEventListener("visibilitychange", () => (now.value = new Date()));
