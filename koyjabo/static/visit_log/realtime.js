/** Keeps the live parts of a page of the panel up to date, if it has any. */

import { Bars } from "./bars.js";
import { Figures, written } from "../webkit/figures.js";
import { Minutes } from "../webkit/minutes.js";
import { Newest } from "./newest.js";
import { find, readJson, showLine } from "../webkit/page.js";
import { placeName } from "../webkit/places.js";
import { panel } from "../realtime/panel-line.js";
import { Traffic } from "./traffic.js";

/** @typedef {import("../realtime/panel-line.js").PanelUpdate} PanelUpdate */
const TICK_MS = 1_000;

const phrases = readJson("phrases");
const title = document.title;
const figures = new Figures();
const newest = find("[data-newest]") && new Newest();
const minutes = new Minutes(find("[data-minutes]"));
const places = find("#places") && new Bars(find("#places"), placeName);
const pages = find("#pages") && new Bars(find("#pages"), (name) => phrases.pages[name] ?? name);
const traffic = find("#traffic") && new Traffic(find("#traffic"));
/** @type {import("../realtime/panel-line.js").Part} */
let stats = {};
let isLive = false;

/** @param {PanelUpdate} event */
function show(event) {
  isLive = true;
  stats = { ...stats, ...event.stats };
  figures.show(stats);
  if (newest) newest.take(event.visits, event.whole);
  if (event.minutes) minutes.take(event.minutes, event.whole);
  if (event.places && places) places.take(event.places, event.whole);
  if (event.pages && pages) pages.take(event.pages, event.whole);
  if (event.communities && traffic) traffic.take(event.communities, event.whole);
  tick();
}

function tick() {
  const nowMs = Date.now() + panel.aheadMs;
  if (!isLive) return; // the minutes since then are unknown
  minutes.draw(nowMs);
  const rate = phrases.rate.replace("{count}", written(minutes.rate(nowMs)));
  if (panel.unsaved) showLine("unsaved", phrases.unsaved);
  else showLine(stats.stale ? "stale" : "live", stats.stale ? phrases.stale : `${phrases.live} · ${rate}`);
  document.title = `${written(stats.activeUsers ?? 0)} · ${title}`;
}

panel.addEventListener("update", (event) => show(/** @type {CustomEvent} */ (event).detail));
panel.addEventListener("polled", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  isLive = false;
  figures.show(detail);
  showLine("polling", detail.stale ? phrases.stale : phrases.polling);
});
panel.addEventListener("state", tick);
panel.addEventListener("lost", () => {
  isLive = false;
  showLine("offline", phrases.offline);
});
setInterval(tick, TICK_MS);
