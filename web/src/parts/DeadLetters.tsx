import { many } from "../lib/number";
import { status } from "../status";
import { Icon } from "./Icon";

/** DeadLetters says how much could not be processed, and how to look at it: the API does not hand it out. */
export function DeadLetters() {
  const n = status.value?.store.dead_letters;
  if (!n) return null;
  return (
    <section class="card" aria-labelledby="dead">
      <h2 id="dead"><Icon name="warn" /> {many(n, "dead letter")}</h2>
      <p>What could not be processed is kept with its reason. <code>riffle dead list</code> shows it, <code>riffle dead retry</code> puts it back into the buffer.</p>
    </section>
  );
}
