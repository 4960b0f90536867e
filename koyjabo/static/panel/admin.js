/** For every panel page: opens its connection, and refreshes the parts that the connection does not update. */

import { LivePage } from "../webkit/live.js";
import { find } from "../webkit/page.js";
import { panel } from "../realtime/panel-line.js";

document.addEventListener("DOMContentLoaded", () => panel.start()); // the other scripts run before it, and listen
const part = find("[data-refresh]"); // no connection sends its state
if (part) {
  const everyMs = Number(part.dataset.refresh), page = new LivePage(undefined, everyMs / 2);
  setInterval(() => page.refresh(), everyMs);
}
