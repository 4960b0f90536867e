/** For every panel page: opens its connection, and refreshes the parts that the connection does not update. */

import { LivePage } from "../webkit/live.js";
import { find } from "../webkit/page.js";
import { panel } from "../realtime/panel-line.js";

const REFRESH_MS = 5_000;

document.addEventListener("DOMContentLoaded", () => panel.start()); // the other scripts run before it, and listen
if (find("[data-refresh]")) {
  const page = new LivePage(); // no connection sends its state
  setInterval(() => page.refresh(), REFRESH_MS);
}
