import { useSignal } from "@preact/signals";
import { complain } from "../toast";
import { Icon } from "./Icon";

/** Copy puts a text into the clipboard. */
export function Copy({ text }: { text: string }) {
  const done = useSignal(false);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      done.value = true;
      setTimeout(() => (done.value = false), 2500);
    } catch {
      // A page that did not come by TLS has no clipboard.
      complain("The browser does not let this page copy: select the text and copy it yourself.");
    }
  }
  return <button type="button" onClick={copy}><Icon name={done.value ? "check" : "copy"} /> {done.value ? "Copied" : "Copy"}</button>;
}
