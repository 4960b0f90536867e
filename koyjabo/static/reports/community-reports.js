/** Keeps a community's reports up to date: the server pushes the view's numbers, and the page requests the rest. */

import { listen, outside } from "../communities/inside.js";
import { follow, refresh, take } from "./insights.js";

const LEAVE_MS = 5_000; // time to read the reason

let numbers = "";

/** @param {import("../communities/inside.js").ServerEvent} event */
function hear(event) {
  if (event.type === "view_update") take(/** @type {any} */ (event));
  if (event.type === "analytics_update") refresh();
  if (event.type !== "dashboard_update") return;
  const now = JSON.stringify([event.data.today_visitors, event.data.minutes]);
  if (numbers && now !== numbers) refresh();
  numbers = now;
}

const ended = () => void setTimeout(() => location.assign(outside), LEAVE_MS);

listen("visitor-dashboard", hear, ended, follow);
