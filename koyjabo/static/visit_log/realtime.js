/** Keeps the minutes and lists of the Live page up to date. */

import { Bars } from "./bars.js";
import { Minutes } from "../webkit/minutes.js";
import { Newest } from "./newest.js";
import { find, readJson } from "../webkit/page.js";
import { placeName } from "../webkit/places.js";
import { panel } from "../realtime/panel-line.js";
import { Traffic } from "./traffic.js";
import "./totals.js";

/** @typedef {import("../realtime/panel-line.js").PanelUpdate} PanelUpdate */
const TICK_MS = 1_000;

const phrases = readJson("phrases");
const minutes = new Minutes(find("[data-minutes]"));
const newest = new Newest();
const places = new Bars(find("#places"), placeName);
const pages = new Bars(find("#pages"), (name) => phrases.pages[name] ?? name);
const traffic = new Traffic(find("#traffic"));
let isLive = false; // otherwise the newest minutes are unknown

/** @param {PanelUpdate} event */
function show(event) {
  isLive = true;
  newest.take(event.visits, event.whole);
  if (event.attended) newest.time(event.attended, event.whole);
  if (event.minutes) minutes.take(event.minutes, event.whole);
  if (event.places) places.take(event.places, event.whole);
  if (event.pages) pages.take(event.pages, event.whole);
  if (event.communities) traffic.take(event.communities, event.whole);
  tick();
}

function tick() {
  if (!isLive) return;
  const nowMs = Date.now() + panel.aheadMs;
  minutes.draw(nowMs);
  newest.tick(nowMs);
}

panel.addEventListener("update", (event) => show(/** @type {CustomEvent} */ (event).detail));
for (const end of ["polled", "lost"]) panel.addEventListener(end, () => (isLive = false));
setInterval(tick, TICK_MS);
