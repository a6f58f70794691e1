import { render } from "preact";
import { App } from "./App";
import { start } from "./session";
import "./style.css";

render(<App />, document.getElementById("page")!);
void start();
addEventListener("hashchange", () => {
  if (/^#(code=)?rfc_/.test(location.hash)) void start(); // a login link opened in a page that is open
});
