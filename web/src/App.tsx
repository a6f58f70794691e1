import { useSignalEffect } from "@preact/signals";
import { useEffect, useErrorBoundary, useLayoutEffect } from "preact/hooks";
import { messageOf } from "./api";
import * as live from "./live";
import { Icon, Logo, type IconName } from "./parts/Icon";
import { Notices } from "./parts/Notices";
import { addressOf, parameters, view, type View } from "./route";
import { watchRules } from "./rules";
import { entering, logOut, may, me, trouble, tryNow } from "./session";
import { apiPaused, watchStatus } from "./status";
import { complain, Toasts } from "./toast";
import { Access } from "./views/Access";
import { Login } from "./views/Login";
import { Pipeline } from "./views/Pipeline";
import { Rules } from "./views/Rules";
import { Stream } from "./views/Stream";

export function App() {
  if (me.value === null) return <Login />;
  if (me.value === undefined) return <Starting />;
  return <Inside key={me.value.id} />;
}

/** Starting is shown until the server has said who is logged in. */
function Starting() {
  const failure = trouble.value;
  return (
    <main class="login">
      <div class="card center" role="status">
        <p class="brand"><Logo /> riffle</p>
        {!failure && <p class="quiet">Loading…</p>}
        {failure && (
          <>
            <h1>{failure.status === 503 ? "Down for maintenance" : "Not reached"}</h1>
            <p>{failure.message}</p>
            <p class="quiet">{entering.value ? "Your login link is not used up: this page tries it again by itself." : "This page tries again by itself."}</p>
            <button onClick={tryNow}>Try now</button>
          </>
        )}
      </div>
    </main>
  );
}

const titles: Record<View, string> = { stream: "Stream", rules: "Rules", access: "Feeds & tokens", pipeline: "Pipeline" };

function Inside() {
  const tag = parameters.value.get("tag");
  const reads = may("read");
  useEffect(() => {
    if (!reads) return;
    live.open(tag);
    return live.close;
  }, [tag, reads]);
  useEffect(() => (reads ? watchRules() : undefined), [reads]);
  useEffect(() => (may("admin") ? watchStatus() : undefined), []);
  useSignalEffect(() => {
    const news = live.fresh.value;
    document.title = `${news > 0 ? `(${news > 99 ? "99+" : news}) ` : ""}${titles[view.value]} · riffle`;
  });
  useSignalEffect(() => {
    if (!apiPaused.value) live.retry(); // who sees it resumed need not wait for as long as was said
  });
  const shown: View[] = [...(reads ? (["stream", "rules", "access"] as const) : []), ...(may("admin") ? (["pipeline"] as const) : [])];
  const current = shown.includes(view.value) ? view.value : shown[0];
  useLayoutEffect(() => scrollTo(0, 0), [current, tag]); // a view is read from its top, wherever the one before was
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the content</a>
      <Navigation views={shown} current={current} />
      <main id="main" tabindex={-1} class={"view at-" + (current ?? "none")}>
        <Notices />
        <Shelter key={current}>
          {current === "stream" && <Stream />}
          {current === "rules" && <Rules />}
          {current === "access" && <Access />}
          {current === "pipeline" && <Pipeline />}
          {!current && <p class="card">The token you logged in with may neither read nor administer, so there is nothing to show here.</p>}
        </Shelter>
      </main>
      <Toasts />
    </div>
  );
}

/** Shelter keeps a bug in one view from taking the others with it. */
function Shelter({ children }: { children: preact.ComponentChildren }) {
  const [error, again] = useErrorBoundary();
  if (!error) return <>{children}</>;
  return (
    <div class="card center" role="alert">
      <h1>This view failed</h1>
      <p>{messageOf(error)}</p>
      <button onClick={again}>Try again</button>
    </div>
  );
}

function Navigation({ views, current }: { views: View[]; current: View | undefined }) {
  const icons: Record<View, IconName> = { stream: "stream", rules: "rules", access: "key", pipeline: "pipeline" };
  const news = live.fresh.value;
  return (
    <header class="side">
      <p class="brand"><Logo /> <span>riffle</span></p>
      <nav aria-label="Views">
        {views.map((name) => (
          <a key={name} href={addressOf(name)} aria-current={name === current ? "page" : undefined}>
            <Icon name={icons[name]} />
            <span>{name === "access" ? <>Feeds<span class="wide"> &amp; tokens</span></> : titles[name]}</span>
            {name === "stream" && current !== "stream" && news > 0 && <span class="count">{news > 99 ? "99+" : news}<span class="sr"> new</span></span>}
          </a>
        ))}
      </nav>
      <div class="who">
        <Connection />
        <p class="quiet small account">Logged in as <strong>{me.value?.name}</strong></p>
        <button class="plain" onClick={() => logOut().catch((failure) => complain(messageOf(failure)))}>
          <Icon name="out" /> <span>Log out</span>
        </button>
      </div>
    </header>
  );
}

const states = { connecting: "Connecting", live: "Live", maintenance: "Maintenance", offline: "Not connected", error: "Failed" };

function Connection() {
  if (!may("read")) return null;
  const { state } = live.line.value;
  return <p class={"line " + state} role="status"><i aria-hidden="true" /> {states[state]}</p>;
}
