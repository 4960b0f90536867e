/** On pages of the panel, whose line pushes the numbers of the view. */

import { panel } from "../realtime/panel-line.js";
import { question, refresh, showActive, take } from "./insights.js";

/** @typedef {import("../realtime/panel-line.js").PanelUpdate} PanelUpdate */

const ask = () => panel.send(question());

panel.addEventListener("opened", ask);
document.addEventListener("view", ask);
panel.addEventListener("view", (event) => take(/** @type {CustomEvent} */ (event).detail));
panel.addEventListener("update", (event) => {
  const { stats } = /** @type {CustomEvent<PanelUpdate>} */ (event).detail;
  if (stats?.activeUsers !== undefined) showActive(stats.activeUsers);
  if (!question() && stats?.totalVisits !== undefined) refresh();
});
panel.addEventListener("polled", refresh);
