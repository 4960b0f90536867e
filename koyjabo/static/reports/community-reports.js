/** Keeps the reports of a community up to date, by refreshing the page at most every 15 s. */

import { locale } from "../webkit/figures.js";
import { listen, outside, page } from "../communities/inside.js";
import { find, write } from "../webkit/page.js";

/** @typedef {import("../communities/inside.js").ServerEvent} ServerEvent */

const LEAVE_MS = 5_000; // time to read the reason
const REST_MS = 15_000;

let numbers = "";
let refreshedMs = -REST_MS;
let timer = 0;

function refresh() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    refreshedMs = performance.now();
    page.refresh();
  }, Math.max(0, refreshedMs + REST_MS - performance.now()));
}

/** @param {number} percent */
function showRate(percent) {
  write(find("[data-rate]"), `${percent.toLocaleString(locale, { maximumFractionDigits: 2 })}\u202f%`);
}

/** @param {ServerEvent} event */
function hear(event) {
  if (event.type === "analytics_update" && event.metric === "conversion_rate") showRate(Number(event.value));
  if (event.type !== "dashboard_update") return;
  const now = JSON.stringify([event.data.today_visitors, event.data.minutes]);
  if (numbers && now !== numbers) refresh();
  numbers = now;
}

listen("visitor-dashboard", hear, () => {
  setTimeout(() => location.assign(outside), LEAVE_MS);
});
