// Short words about what was done, with a way to undo it.

import { signal } from "@preact/signals";
import { Icon } from "./parts/Icon";

interface Toast {
  text: string;
  undo?: () => void;
  bad?: boolean;
}

const toast = signal<Toast | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

/** stays is long enough to read it and to reach the button by keyboard. */
const stays = 12_000;

export function say(text: string, undo?: () => void) {
  show(undo ? { text, undo } : { text });
}

export function complain(text: string) {
  show({ text, bad: true });
}

function show(t: Toast) {
  clearTimeout(timer);
  toast.value = t;
  timer = setTimeout(() => (toast.value = null), stays);
}

export function Toasts() {
  const t = toast.value;
  return (
    <div class="toasts" role="status" aria-live="polite">
      {t && (
        <div class={t.bad ? "toast bad" : "toast"}>
          <span>{t.text}</span>
          {t.undo && (
            <button
              onClick={() => {
                toast.value = null;
                t.undo!();
              }}
            >
              Undo
            </button>
          )}
          <button class="plain" onClick={() => (toast.value = null)} aria-label="Close this message">
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}
