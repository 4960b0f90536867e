/** Keeps the reports of a community up to date: all of them come with one answer (insights.js), when events tell of a change. */

import { listen, outside } from "../communities/inside.js";
import { refresh } from "./insights.js";

/** @typedef {import("../communities/inside.js").ServerEvent} ServerEvent */

const LEAVE_MS = 5_000; // time to read the reason

let numbers = "";

/** @param {ServerEvent} event */
function hear(event) {
  if (event.type === "analytics_update") refresh();
  if (event.type !== "dashboard_update") return;
  const now = JSON.stringify([event.data.today_visitors, event.data.minutes]);
  if (numbers && now !== numbers) refresh();
  numbers = now;
}

listen("visitor-dashboard", hear, () => {
  setTimeout(() => location.assign(outside), LEAVE_MS);
});
