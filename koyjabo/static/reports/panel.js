/** For panel pages, where the connection pushes the view's numbers. */

import { panel } from "../realtime/panel-line.js";
import { follow, refresh, take } from "./insights.js";

panel.addEventListener("opened", (event) => follow(/** @type {CustomEvent} */ (event).detail));
panel.addEventListener("view", (event) => take(/** @type {CustomEvent} */ (event).detail));
panel.addEventListener("polled", refresh);
