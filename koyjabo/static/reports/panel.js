/** On pages of the panel, whose line tells of visits, and of a day that begins. All figures come with one answer, so that they are
 * of one moment.
 */

import { panel } from "../realtime/panel-line.js";
import { asOf, refresh } from "./insights.js";

/** @typedef {import("../realtime/panel-line.js").PanelUpdate} PanelUpdate */

const COMMIT_MS = 1_000; // from when a visit came to when it can be read, at most

let isBegun = false; // the first update has the visits of before

panel.addEventListener("update", (event) => {
  const { whole, visits, stats } = /** @type {CustomEvent<PanelUpdate>} */ (event).detail;
  const isNew = isBegun ? whole || visits?.length || stats?.todayVisits !== undefined : visits[0]?.at > asOf() - COMMIT_MS;
  if (isNew) refresh();
  isBegun = true;
});
panel.addEventListener("polled", refresh);
