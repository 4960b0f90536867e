/** Keeps the totals and the connection status of Overview up to date. */

import { Figures, written } from "../webkit/figures.js";
import { readJson, showLine } from "../webkit/page.js";
import { isNewer } from "../counting/koyjabo.js";
import { panel } from "../realtime/panel-line.js";

const phrases = readJson("phrases");
const title = document.title;
const figures = new Figures();
/** @type {any} */
let stats = null; // until the first numbers have come
let isStale = false; // as the server last said

function show() {
  const state = panel.unsaved ? "unsaved" : isStale ? "stale" : "live";
  showLine(state, phrases[state]);
  document.title = `${written(stats?.activeUsers ?? 0)} · ${title}`;
}

/** Shows numbers, unless a higher total is shown. @param {any} next */
function take(next) {
  isStale = Boolean(next.stale);
  if (!isNewer(next, stats)) return;
  stats = next;
  figures.show(stats);
}

panel.addEventListener("update", (event) => {
  take(/** @type {CustomEvent} */ (event).detail.stats);
  show();
});
panel.addEventListener("polled", (event) => {
  take(/** @type {CustomEvent} */ (event).detail);
  showLine("polling", isStale ? phrases.stale : phrases.polling);
});
panel.addEventListener("state", show);
panel.addEventListener("lost", () => showLine("offline", phrases.offline));
