import { render } from "preact";
import { App } from "./App";
import { codeIn, start, tryNow } from "./session";
import "./style.css";

render(<App />, document.getElementById("page")!);
void start();
addEventListener("hashchange", () => {
  if (codeIn(location.hash)) void start(); // a login link opened in a page that is open
});
addEventListener("online", tryNow);
