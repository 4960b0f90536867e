/** Keeps the live parts of the panel up to date: those of them that a page has. */

import { Bars } from "./bars.js";
import { Figures, written } from "./figures.js";
import { LivePage } from "./live.js";
import { Minutes } from "./minutes.js";
import { Newest } from "./newest.js";
import { find, readJson, showLine } from "./page.js";
import { placeName } from "./places.js";
import { panel } from "./panel-line.js";
import { Traffic } from "./traffic.js";

/** @typedef {import("./panel-line.js").PanelUpdate} PanelUpdate */
/** @typedef {import("./panel-line.js").Part} Part */

const TICK_MS = 1_000;

const phrases = readJson("phrases");
const title = document.title;
const figures = new Figures();
const page = new LivePage();
const newest = new Newest();
const minutes = new Minutes(find("[data-minutes]"));
const places = new Bars(find("#places"), placeName);
const pages = find("#pages") && new Bars(find("#pages"), (name) => phrases.pages[name] ?? name);
const traffic = find("#traffic") && new Traffic(find("#traffic"));
/** @type {Part} */
let stats = {};
let isLive = false;

/** Charts begin another hour or day with a row of their own, which the server writes.
 * @param {string} id  of a chart's rows  @param {Part} values  the numbers of the current period, by its beginning
 */
function showPeriod(id, values = {}) {
  const rows = document.getElementById(id);
  for (const [begins, numbers] of Object.entries(values)) {
    if (!rows || !numbers) continue;
    const row = rows.querySelector(`[data-at="${CSS.escape(begins)}"]`)?.closest("tr");
    if (!row) return page.refresh();
    showNumbers(row, numbers);
    rows.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  }
}

/** The numbers of the series, and their sum, which is the last cell. @param {Element} row  @param {number[]} numbers */
function showNumbers(row, numbers) {
  const cells = row.querySelectorAll("[data-value]"), sum = row.querySelector("td:last-child");
  cells.forEach((cell, at) => {
    cell.setAttribute("data-value", String(numbers[at]));
    cell.textContent = written(numbers[at]);
  });
  if (sum && !sum.hasAttribute("data-value")) sum.textContent = written(numbers.reduce((one, other) => one + other, 0));
}

/** @param {PanelUpdate} event */
function show(event) {
  isLive = true;
  stats = { ...stats, ...event.stats };
  figures.show(stats);
  newest.take(event.visits, event.whole);
  if (event.minutes) minutes.take(event.minutes, event.whole);
  if (event.places) places.take(event.places, event.whole);
  if (event.pages && pages) pages.take(event.pages, event.whole);
  if (event.communities && traffic) traffic.take(event.communities, event.whole);
  showPeriod("hours-rows", event.hours);
  showPeriod("days-rows", event.days);
  tick();
}

function tick() {
  const nowMs = Date.now() + panel.aheadMs;
  if (!isLive) return; // nothing is known of the minutes since then
  minutes.draw(nowMs);
  const rate = phrases.rate.replace("{count}", written(minutes.rate(nowMs)));
  showLine("live", stats.stale ? phrases.stale : `${phrases.live} · ${rate}`);
  document.title = `${written(stats.activeUsers ?? 0)} · ${title}`;
}

panel.addEventListener("update", (event) => show(/** @type {CustomEvent} */ (event).detail));
panel.addEventListener("polled", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  isLive = false;
  figures.show(detail);
  showLine("polling", detail.stale ? phrases.stale : phrases.polling);
});
panel.addEventListener("lost", () => {
  isLive = false;
  showLine("offline", phrases.offline);
});
setInterval(tick, TICK_MS);
