/** Keeps the totals and the connection status of Overview up to date. */

import { Figures, written } from "../webkit/figures.js";
import { readJson, showLine } from "../webkit/page.js";
import { panel } from "../realtime/panel-line.js";

const phrases = readJson("phrases");
const title = document.title;
const figures = new Figures();
/** @type {import("../realtime/panel-line.js").Part} */
let stats = {};

function show() {
  const state = panel.unsaved ? "unsaved" : stats.stale ? "stale" : "live";
  showLine(state, phrases[state]);
  document.title = `${written(stats.activeUsers ?? 0)} · ${title}`;
}

panel.addEventListener("update", (event) => {
  stats = /** @type {CustomEvent} */ (event).detail.stats;
  figures.show(stats);
  show();
});
panel.addEventListener("polled", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  figures.show(detail);
  showLine("polling", detail.stale ? phrases.stale : phrases.polling);
});
panel.addEventListener("state", show);
panel.addEventListener("lost", () => showLine("offline", phrases.offline));
