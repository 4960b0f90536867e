/** On pages of the panel, whose line tells of visits. */

import { panel } from "../panel-line.js";
import { refresh } from "./insights.js";

/** @typedef {import("../panel-line.js").PanelUpdate} PanelUpdate */

let isBegun = false; // the first update has the visits of before

panel.addEventListener("update", (event) => {
  const { whole, visits } = /** @type {CustomEvent<PanelUpdate>} */ (event).detail;
  if (isBegun && (whole || visits?.length)) refresh();
  isBegun = true;
});
panel.addEventListener("polled", refresh);
