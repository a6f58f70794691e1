import * as live from "../live";
import { paused } from "../status";
import { Icon } from "./Icon";

/** Notices say what is not as it should be, above whatever is being read. */
export function Notices() {
  const line = live.line.value;
  return (
    <div class="notices" role="status">
      {line.state === "offline" && live.read.value && (
        <p class="notice"><Icon name="offline" /> <span>Not connected. What was caught meanwhile will appear when the server is back.</span> <Again /></p>
      )}
      {line.state === "maintenance" && (
        <p class="notice"><Icon name="pause" /> <span><strong>Down for maintenance.</strong> {line.detail}</span> <Again /></p>
      )}
      {line.state === "error" && live.read.value && (
        <p class="notice bad"><Icon name="warn" /> <span>{line.detail}</span> <Again /></p>
      )}
      {paused.value.map((s) => (
        <p class="notice" key={s.instance}>
          <Icon name="pause" /> <span><strong>The {s.stage}{s.name ? ` ${s.name}` : ""} is paused.</strong> {pausedMeans[s.stage] ?? ""}</span>
        </p>
      ))}
    </div>
  );
}

const pausedMeans: Record<string, string> = {
  ingest: "Nothing new is read until it goes on.",
  filter: "New posts wait in the buffer until it goes on.",
};

const Again = () => <button class="plain" onClick={live.retry}>Try now</button>;
