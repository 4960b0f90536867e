/** On pages of the panel, whose line tells of visits, and of a day that begins: then all figures are asked for. */

import { panel } from "../realtime/panel-line.js";
import { numbers, refresh, showActive } from "./insights.js";

/** @typedef {import("../realtime/panel-line.js").PanelUpdate} PanelUpdate */

let isBegun = false; // the first update has what the page has, unless a visit has come meanwhile

panel.addEventListener("update", (event) => {
  const { whole, stats } = /** @type {CustomEvent<PanelUpdate>} */ (event).detail;
  if (stats?.activeUsers !== undefined) showActive(stats.activeUsers);
  const { totalVisits = numbers().upto, todayVisits } = stats ?? {};
  if (totalVisits !== numbers().upto || (isBegun && (whole || todayVisits !== undefined))) refresh();
  isBegun = true;
});
panel.addEventListener("polled", refresh);
