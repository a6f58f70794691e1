import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { call, get, messageOf, query } from "../api";
import { nameOf, reasonOf, type DeadLetter, type WholeDeadLetter } from "../lib/dead";
import { bytes, many } from "../lib/number";
import { lookNow, status } from "../status";
import { complain, say } from "../toast";
import { Icon } from "./Icon";
import { Moment } from "./Moment";

const page = 20;

/** DeadLetters shows what could not be processed, to be looked at, tried again or dropped. */
export function DeadLetters() {
  const n = status.value?.store.dead_letters;
  const letters = useSignal<DeadLetter[]>([]);
  const prev = useSignal<string | null>(null);
  const wrong = useSignal("");
  async function read(before: string | null) {
    try {
      const { data, summary } = await get<DeadLetter[], { prev: string | null }>("/v1/dead-letters" + query({ limit: page, before }));
      letters.value = before ? [...letters.value, ...data] : data;
      prev.value = summary.prev;
      wrong.value = "";
    } catch (error) {
      wrong.value = messageOf(error);
    }
  }
  useEffect(() => {
    if (n) void read(null);
  }, [n]);
  if (!n) return null;
  const forget = (id: string) => {
    letters.value = letters.value.filter((d) => d.id !== id);
    lookNow();
  };
  return (
    <section class="card" aria-labelledby="dead">
      <h2 id="dead"><Icon name="warn" /> {many(n, "dead letter")}</h2>
      <p class="quiet">What could not be processed is kept with its reason. Mend the cause, then retry: a filter takes it once more.</p>
      {wrong.value && <p class="wrong" role="alert">{wrong.value}</p>}
      <ul class="stages">{letters.value.map((d) => <Letter key={d.id} letter={d} forget={() => forget(d.id)} />)}</ul>
      {prev.value && <button class="plain" onClick={() => void read(prev.value)}>Show older ones</button>}
    </section>
  );
}

function Letter({ letter: d, forget }: { letter: DeadLetter; forget: () => void }) {
  const whole = useSignal<WholeDeadLetter | null>(null);
  const dropping = useSignal(false);
  const busy = useSignal(false);
  const at = "/v1/dead-letters/" + d.id;
  async function attempt(work: () => Promise<unknown>) {
    if (busy.value) return;
    busy.value = true;
    try {
      await work();
    } catch (error) {
      complain(messageOf(error));
    } finally {
      busy.value = false;
    }
  }
  const look = () => attempt(async () => (whole.value = whole.value ? null : (await get<WholeDeadLetter>(at)).data));
  const retry = () => attempt(async () => {
    await call("POST", at + "/retry", {});
    say("Put back into the buffer. A filter takes it now.");
    forget();
  });
  const drop = () => attempt(async () => {
    await call("DELETE", at);
    say("Dropped.");
    forget();
  });
  const name = <bdi>{nameOf(d)}</bdi>;
  return (
    <li class="stage letter">
      <p><strong>{reasonOf(d)}</strong> <Moment at={d.at} /></p>
      <p>{name}</p>
      {d.error && <p class="small warning"><bdi>{d.error}</bdi></p>}
      <p class="small quiet">From {d.source}, {many(d.events, "event")}, {bytes(d.bytes)}, given out {many(d.deliveries, "time")}</p>
      <div class="buttons">
        <button class="plain" aria-expanded={whole.value !== null} aria-disabled={busy.value} onClick={look}>{whole.value ? "Hide" : "Look"}<span class="sr"> at dead letter {d.id}</span></button>
        <button class="plain" aria-disabled={busy.value} onClick={retry}>Retry<span class="sr"> dead letter {d.id}</span></button>
        <button class="plain" disabled={busy.value} onClick={() => (dropping.value = true)}>Drop<span class="sr"> dead letter {d.id}</span></button>
      </div>
      {whole.value && <Content of={whole.value} />}
      {dropping.value && <AskDrop letter={d} drop={drop} close={() => (dropping.value = false)} />}
    </li>
  );
}

/** Content is what is in a dead letter, as it came: text and nothing else. */
const Content = ({ of }: { of: WholeDeadLetter }) => (
  <>
    {of.unreadable && <p class="small warning">It cannot be read, and so not be retried: <bdi>{of.unreadable}</bdi></p>}
    {of.content.map((post, i) => <pre key={i} tabindex={0} role="region" aria-label={`Event ${i + 1}`}>{JSON.stringify(post, null, 2)}</pre>)}
  </>
);

function AskDrop({ letter, drop, close }: { letter: DeadLetter; drop: () => void; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="drop-title">
      <form method="dialog" onSubmit={drop}>
        <h2 id="drop-title">Drop this dead letter?</h2>
        <p><bdi>{nameOf(letter)}</bdi> is gone for good then: nobody will have it as a match.</p>
        <div class="buttons">
          <button class="danger"><Icon name="bin" /> Drop</button>
          <button type="button" class="plain" onClick={() => dialog.current?.close()}>Keep it</button>
        </div>
      </form>
    </dialog>
  );
}
