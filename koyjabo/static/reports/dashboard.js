/** Keeps the dashboard of a community up to date, by events; its charts by refreshing the page, at most every 15 s. */

import { Figures, locale, written } from "../webkit/figures.js";
import { listen, outside, page, phrases } from "../communities/inside.js";
import { Minutes } from "../webkit/minutes.js";
import { showMoment } from "../webkit/moments.js";
import { find, write } from "../webkit/page.js";

/** @typedef {import("../communities/inside.js").ServerEvent} ServerEvent */
/** @typedef {{name: string, since: string, tabs: number}} Person */

const LEAVE_MS = 5_000; // time to read the reason
const CHARTS_MS = 15_000;
const TICK_MS = 1_000;

const figures = new Figures();
const minutes = new Minutes(find("[data-minutes]"));
const here = find("#here");
const row = /** @type {HTMLTemplateElement} */ (find("#here template")).content;
let numbers = "";
let refreshedMs = -CHARTS_MS;
let aheadMs = 0; // of the server's clock
let timer = 0;

/** @param {Record<string, any>} data */
function show({ today_visitors, realtime_count, arrivals, people, minutes: found }) {
  figures.show({ ...today_visitors, ...arrivals, realtime_count });
  minutes.take(found, true);
  minutes.draw(Date.now() + aheadMs);
  showPeople(people, realtime_count);
  const now = JSON.stringify([today_visitors, realtime_count]);
  if (numbers && now !== numbers) refreshCharts();
  numbers = now;
}

/** @param {Person[]} people  @param {number} online */
function showPeople(people, online) {
  here.querySelector("tbody")?.replaceChildren(...people.map(rowOf));
  find("#here table").hidden = !people.length;
  find("#here [data-nobody]").hidden = people.length > 0;
  find("#here [data-more]").hidden = online <= people.length;
  write(find("#here [data-more]"), phrases.shown.replace("{count}", written(people.length)));
}

/** @param {Person} person */
function rowOf({ name, since, tabs }) {
  const element = /** @type {HTMLElement} */ (row.firstElementChild?.cloneNode(true));
  const [label, began, count] = element.children;
  label.textContent = name;
  showMoment(began.firstElementChild ?? began, Date.parse(since), aheadMs);
  count.textContent = tabs ? written(tabs) : "–";
  return element;
}

function refreshCharts() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    refreshedMs = performance.now();
    page.refresh();
  }, Math.max(0, refreshedMs + CHARTS_MS - performance.now()));
}

/** @param {number} percent */
function showRate(percent) {
  write(find("[data-rate]"), `${percent.toLocaleString(locale, { maximumFractionDigits: 2 })}\u202f%`);
}

/** @param {ServerEvent} event */
function hear(event) {
  if (event.timestamp) aheadMs = Date.parse(event.timestamp) - Date.now();
  if (event.type === "dashboard_update") show(event.data);
  if (event.type === "analytics_update" && event.metric === "conversion_rate") showRate(Number(event.value));
}

/** Without the line nothing is known of the minutes since then. */
function tick() {
  if (find("[data-line]").dataset.line === "live") minutes.draw(Date.now() + aheadMs);
}

const ticker = setInterval(tick, TICK_MS);
listen("visitor-dashboard", hear, () => {
  clearInterval(ticker);
  setTimeout(() => location.assign(outside), LEAVE_MS);
});
