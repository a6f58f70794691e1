import * as live from "../live";
import { addressOf, view } from "../route";
import { flooded } from "../rules";
import { apiPaused, paused, type Paused } from "../status";
import { Icon } from "./Icon";
import { Moment } from "./Moment";

/** Notices say what is not as it should be, above whatever is being read. */
export function Notices() {
  const line = live.line.value;
  return (
    <div class="notices" role="status">
      {line.state === "offline" && live.read.value && (
        <p class="notice"><Icon name="offline" /> <span><strong>Not connected.</strong> What is caught meanwhile will appear when the server is back.</span> <Again /></p>
      )}
      {line.state === "maintenance" && live.read.value && !apiPaused.value && (
        <p class="notice"><Icon name="pause" /> <span><strong>Down for maintenance.</strong> {line.detail}</span> <Again /></p>
      )}
      {line.state === "error" && live.read.value && (
        <p class="notice bad"><Icon name="warn" /> <span>{line.detail}</span> <Again /></p>
      )}
      {view.value !== "rules" && flooded.value.map((rule) => (
        <p class="notice" key={rule.id}>
          <Icon name="warn" /> <span><strong>A rule was switched off:</strong> <bdi>{rule.tag || rule.value}</bdi> kept too much<Since at={rule.flooded_at} />. It catches nothing until you narrow it down or switch it on again.</span> <a class="button plain" href={addressOf("rules", { edit: rule.id })}>Look at it</a>
        </p>
      ))}
      {paused.value.map((p) => (
        <p class="notice" key={p.stage}>
          <Icon name="pause" /> <span><strong>{subject(p.stage)} paused</strong><PausedBy paused={p} />. {meaning(p.stage)}</span>
        </p>
      ))}
    </div>
  );
}

const Since = ({ at }: { at: string | null | undefined }) => (at ? <> (<Moment at={at} />)</> : null);

const Again = () => <button class="plain" onClick={live.retry}>Try now</button>;

const subject = (stage: string) => (stage.includes("/") ? `The ingest of ${stage.slice(stage.indexOf("/") + 1)} is` : `The ${stage} is`);

const meaning = (stage: string) =>
  stage === "filter" ? "New posts wait in the buffer until it goes on."
    : stage === "api" ? "Nobody gets posts or rules until it goes on; nothing is lost."
      : "Nothing new is read until it goes on.";

/** PausedBy says who paused a stage, since when, until when and why. */
export function PausedBy({ paused: { by } }: { paused: Paused }) {
  if (!by) return null;
  return (
    <>
      {by.who && <> by <bdi>{by.who}</bdi></>}
      {by.since && <> since <Moment at={by.since} /></>}
      {by.until && <> until <Moment at={by.until} /></>}
      {by.reason && <>: <bdi>{by.reason}</bdi></>}
    </>
  );
}
