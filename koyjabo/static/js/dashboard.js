/** Keeps the dashboard of a community as it is now: its numbers by each event, the rest by asking for the page. */

import { Figures, locale } from "./figures.js";
import { listen, outside, page } from "./inside.js";
import { find, write } from "./page.js";

/** @typedef {import("./inside.js").Told} Told */

const LEAVE_MS = 5_000; // to read why
const IDLE_MS = 60_000; // names and tabs may change where no number does

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

/** @param {Told} event */
function hear(event) {
  if (event.type === "dashboard_update") show(event.data);
  if (event.type === "analytics_update" && event.metric === "conversion_rate") showRate(Number(event.value));
  if (performance.now() - refreshedMs > IDLE_MS) refresh();
}

listen("visitor-dashboard", hear, () => setTimeout(() => location.assign(outside), LEAVE_MS));
