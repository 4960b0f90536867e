/** For every panel page: opens its connection, and refreshes the parts that the connection does not update. */

import { LivePage } from "../webkit/live.js";
import { find } from "../webkit/page.js";
import { panel } from "../realtime/panel-line.js";

const REFRESH_MS = 5_000;

/** Refresh a page regularly while it is visible, if no connection sends its state. */
function keepFresh() {
  const page = new LivePage();
  setInterval(() => page.refresh(), REFRESH_MS);
}

document.addEventListener("DOMContentLoaded", () => panel.start()); // the other scripts run before it, and listen
if (find("[data-refresh]")) keepFresh();
