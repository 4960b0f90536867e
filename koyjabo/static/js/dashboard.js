/** Keeps the dashboard of a community up to date: its numbers by events, the rest by refreshing the page. */

import { Figures, locale } from "./figures.js";
import { listen, outside, page } from "./inside.js";
import { find, write } from "./page.js";

/** @typedef {import("./inside.js").ServerEvent} ServerEvent */

const LEAVE_MS = 5_000; // time to read the reason
const IDLE_MS = 60_000; // names and tabs may change while no number does

const figures = new Figures();
let before = "";
let refreshedMs = performance.now();

/** @param {Record<string, any>} data */
function show(data) {
  figures.show({ ...data.today_visitors, realtime_count: data.realtime_count });
  const now = JSON.stringify(data);
  if (before && now !== before) refresh();
  before = now;
}

function refresh() {
  refreshedMs = performance.now();
  page.refresh();
}

/** @param {number} percent */
function showRate(percent) {
  write(find("[data-rate]"), `${percent.toLocaleString(locale, { maximumFractionDigits: 2 })}\u202f%`);
}

/** @param {ServerEvent} event */
function hear(event) {
  if (event.type === "dashboard_update") show(event.data);
  if (event.type === "analytics_update" && event.metric === "conversion_rate") showRate(Number(event.value));
  if (performance.now() - refreshedMs > IDLE_MS) refresh();
}

listen("visitor-dashboard", hear, () => setTimeout(() => location.assign(outside), LEAVE_MS));
