import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { call, Failure, messageOf } from "../api";
import { offers } from "../offers";
import { lookNow, type Paused } from "../status";
import { complain, say } from "../toast";
import { Icon } from "./Icon";

const path = (stage: string, what: "pause" | "resume") => `/v1/stages/${encodeURIComponent(stage)}/${what}`;

/** PauseControl pauses a stage and lets it go on, where the server can. */
export function PauseControl({ stage, name, paused }: { stage: string; name: string; paused: Paused | undefined }) {
  const asking = useSignal(false);
  const busy = useSignal(false);
  if (!offers("POST /v1/stages/{stage}/pause")) return null;
  async function resume() {
    if (busy.value) return;
    busy.value = true;
    try {
      await call("POST", path(stage, "resume"), {});
      say(`Resuming ${name}.`);
      lookNow();
    } catch (error) {
      complain(messageOf(error));
    } finally {
      busy.value = false;
    }
  }
  return (
    <>
      {paused ? <button class="primary" aria-disabled={busy.value} onClick={resume}><Icon name="play" /> Resume<span class="sr"> {name}</span></button>
        : <button class="plain" onClick={() => (asking.value = true)}><Icon name="pause" /> Pause<span class="sr"> {name}</span></button>}
      {asking.value && <AskPause stage={stage} name={name} close={() => (asking.value = false)} />}
    </>
  );
}

const spans: [string, string][] = [["until somebody resumes it", ""], ["for 10 minutes", "10m"], ["for an hour", "1h"], ["for 8 hours", "8h"]];

const effects: Record<string, string> = {
  ingest: "Nothing new is read. Sources that can be read again go on from where they stopped.",
  filter: "What it has in hand is finished; new posts wait in the buffer. Nothing is lost.",
  api: "Everybody is told that the service is down for maintenance; admins have this view still. Nothing is lost.",
};

function AskPause({ stage, name, close }: { stage: string; name: string; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const reason = useSignal("");
  const span = useSignal("");
  const gap = useSignal(false);
  const asksGap = useSignal(false);
  const wrong = useSignal("");
  const busy = useSignal(false);
  useEffect(() => dialog.current?.showModal(), []);
  async function pause(event: Event) {
    event.preventDefault();
    busy.value = true;
    wrong.value = "";
    try {
      await call("POST", path(stage, "pause"), {
        ...(reason.value.trim() ? { reason: reason.value.trim() } : {}), ...(span.value ? { for: span.value } : {}), ...(gap.value ? { accept_gap: true } : {}),
      });
      say(`Pausing ${name}.`);
      lookNow();
      dialog.current?.close();
    } catch (error) {
      if (error instanceof Failure && error.code === "gap_not_accepted") asksGap.value = true;
      wrong.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  }
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="pause-title">
      <form onSubmit={pause}>
        <h2 id="pause-title">Pause {name}</h2>
        <p class="quiet">{effects[stage.split("/")[0]!]}</p>
        <label for="pause-reason">Reason</label>
        <input id="pause-reason" value={reason.value} maxLength={300} autocomplete="off" placeholder="For operators, wherever the pause is shown" onInput={(e) => (reason.value = e.currentTarget.value)} />
        <label for="pause-span">How long</label>
        <select id="pause-span" value={span.value} onChange={(e) => (span.value = e.currentTarget.value)}>
          {spans.map(([text, value]) => <option key={value} value={value}>{text}</option>)}
        </select>
        {wrong.value && <p class="wrong" role="alert">{wrong.value}</p>}
        {asksGap.value && <label class="check"><input type="checkbox" checked={gap.value} onChange={(e) => (gap.value = e.currentTarget.checked)} /> Lose what comes meanwhile</label>}
        <div class="buttons">
          <button class="primary" disabled={busy.value || (asksGap.value && !gap.value)}><Icon name="pause" /> Pause</button>
          <button type="button" class="plain" onClick={() => dialog.current?.close()}>Cancel</button>
        </div>
      </form>
    </dialog>
  );
}
