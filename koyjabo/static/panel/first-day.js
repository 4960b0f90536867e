/** Keeps the first day of Overview up to date, and loads the reports once it is over. */

import { Board } from "../home/board.js";
import { Day } from "../webkit/day.js";
import { panel } from "../realtime/panel-line.js";
import { written } from "../webkit/figures.js";
import { find } from "../webkit/page.js";
import { Newest } from "../visit_log/newest.js";
import "../visit_log/totals.js";

/** @typedef {import("../realtime/panel-line.js").PanelUpdate} PanelUpdate */

const TICK_MS = 1_000;

const { until, left } = find("[data-first-day]").dataset;
const board = new Board(), day = new Day(), newest = new Newest();
let shown = find("[data-board]").textContent ?? "";

/** @param {string} total */
function showTotal(total) {
  if (total === shown) return;
  if (total.length === shown.length) void board.flip(shown, total);
  else board.write(total);
  shown = total;
}

panel.addEventListener("update", (event) => {
  const { stats, visits, attended, whole } = /** @type {CustomEvent<PanelUpdate>} */ (event).detail;
  newest.take(visits, whole);
  if (attended) newest.time(attended, whole);
  if (stats?.todayVisits !== undefined) day.show(stats.todayVisits);
  if (stats?.totalVisits === undefined) return;
  showTotal(written(stats.totalVisits));
  if (stats.totalVisits >= Number(until)) location.reload();
});
setInterval(() => newest.tick(Date.now() + panel.aheadMs), TICK_MS);
setTimeout(() => location.reload(), Number(left));
