/** For every page of the panel: opens its line, and keeps parts up to date that the line has nothing of. */

import { LivePage } from "../webkit/live.js";
import { find } from "../webkit/page.js";
import { panel } from "../realtime/panel-line.js";

const REFRESH_MS = 5_000;

/** Refresh a page whose state no line sends, regularly, while it is visible. */
function keepFresh() {
  const page = new LivePage();
  setInterval(() => page.refresh(), REFRESH_MS);
}

document.addEventListener("DOMContentLoaded", () => panel.start()); // the other scripts run before it, and listen
if (find("[data-refresh]")) keepFresh();
