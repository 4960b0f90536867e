/** Requests the newest visits again when there are more, and every TIMES_MS for the time on their pages. Waits while the
 * pointer moves over the list, one of its rows has the focus, or a sheet is open.
 */

import { LivePage } from "../webkit/live.js";
import { find } from "../webkit/page.js";
import { panel } from "../realtime/panel-line.js";

const REST_MS = 1_000;
const TIMES_MS = 15_000;
const READ_MS = 3_000; // how long rows stay in place after the pointer has moved

const list = find("#visits");
const address = location.href; // an open sheet changes it
const page = new LivePage(() => address, REST_MS);
let total = Number(list.dataset.total);
let moved_ms = -READ_MS;
let isWaiting = false;

function refresh() {
  isWaiting = list.contains(document.activeElement) || document.querySelector("dialog[open]") !== null;
  if (!isWaiting) page.refresh();
}

const refreshSoon = () => setTimeout(refresh, moved_ms + READ_MS - performance.now());

/** @param {import("../realtime/panel-line.js").Part | undefined} stats */
function take(stats) {
  if (!stats || stats.totalVisits === total) return;
  total = stats.totalVisits;
  refreshSoon();
}

setInterval(refreshSoon, TIMES_MS);
list.addEventListener("pointermove", () => (moved_ms = performance.now()));
list.addEventListener("focusout", () => setTimeout(() => isWaiting && refresh())); // closing a sheet moves the focus to its row
panel.addEventListener("update", (event) => take(/** @type {CustomEvent} */ (event).detail.stats));
panel.addEventListener("polled", (event) => take(/** @type {CustomEvent} */ (event).detail));
