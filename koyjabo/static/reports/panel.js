/** For panel pages, where the connection pushes the view's numbers. */

import { panel } from "../realtime/panel-line.js";
import { follow, refresh, showActive, take } from "./insights.js";

/** @typedef {import("../realtime/panel-line.js").PanelUpdate} PanelUpdate */

panel.addEventListener("opened", (event) => follow(/** @type {CustomEvent} */ (event).detail));
panel.addEventListener("view", (event) => take(/** @type {CustomEvent} */ (event).detail));
panel.addEventListener("update", (event) => {
  const { stats } = /** @type {CustomEvent<PanelUpdate>} */ (event).detail;
  if (stats?.activeUsers !== undefined) showActive(stats.activeUsers);
});
panel.addEventListener("polled", refresh);
