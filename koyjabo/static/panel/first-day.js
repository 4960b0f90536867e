/** Keeps the first day of Overview up to date, and loads the reports once it is over. */

import { Board } from "../home/board.js";
import { Day } from "../webkit/day.js";
import { panel } from "../realtime/panel-line.js";
import { written } from "../webkit/figures.js";
import { find } from "../webkit/page.js";
import "../visit_log/totals.js";
import "../visit_log/visits.js";

const { until, left } = find("[data-first-day]").dataset;
const board = new Board(), day = new Day();

/** @param {import("../realtime/panel-line.js").Part} stats */
function take(stats) {
  day.show(stats.todayVisits);
  void board.show(written(stats.totalVisits));
  if (stats.totalVisits >= Number(until)) location.reload();
}

panel.addEventListener("update", (event) => take(/** @type {CustomEvent} */ (event).detail.stats));
panel.addEventListener("polled", (event) => take(/** @type {CustomEvent} */ (event).detail));
setTimeout(() => location.reload(), Number(left));
