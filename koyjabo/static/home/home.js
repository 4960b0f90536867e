/**
 * Updates the stats and the connection state, shows visitors their number, and erases their data on request. Parts
 * below the fold are loaded later.
 */

import { connection } from "../webkit/connection.js";
import { Figures, written } from "../webkit/figures.js";
import { Board } from "./board.js";
import { Light } from "./light.js";
import { OwnVisit } from "./own-visit.js";
import "../counting/koyjabo-debug.2.js";
import { KoyJabo } from "../counting/koyjabo.js";
import { Announcer, find, readJson, showLine, write } from "../webkit/page.js";

/** @typedef {import("../counting/koyjabo.js").Stats} Stats */

const COPY_MS = 60_000; // an older page comes from a cache, or our clock is wrong
const SETTLED_MS = 3_000; // until then, other requests have priority

const phrases = readJson("phrases");
const milestones = (document.querySelector("[data-goal]")?.getAttribute("data-goal") ?? "").split(" ").map(Number);

/** @param {Stats} stats */
function inWords({ totalVisits, todayVisits, activeUsers }) {
  return phrases.announcement
    .replace("{total}", written(totalVisits))
    .replace("{today}", written(todayVisits))
    .replace("{active}", written(activeUsers));
}

const figures = new Figures(document, { totalVisits: new Board() });
const announcer = new Announcer();
const ownVisit = new OwnVisit();
/** @type {Stats} */
const first = readJson("stats");
const { nowMs, reached } = readJson("known");
const isCopy = Math.abs(Date.now() - nowMs) > COPY_MS;
const aheadMs = nowMs - Date.now(); // the server's clock, if this is not a copy
const light = new Light(first);
if (reached && !isCopy) celebrate(reached.milestone, reached.atMs - aheadMs);
else light.close();
connection.asOf(nowMs);
/** @type {Stats | null} */
let shown = null;
let isOver = false; // whether the first attempt to register the visit has ended

const koyjabo = new KoyJabo({ stats: first, pageViews: false });
const hadNumber = koyjabo.visit !== null;

/** @type {Promise<typeof import("./pages/home-later.js")> | undefined} */
let later;

/** @returns {Promise<typeof import("./pages/home-later.js")>} */
function loadLater() {
  later ??= import("./pages/home-later.js").then((module) => {
    module.follow(koyjabo, isCopy);
    return module;
  });
  later.catch(() => (later = undefined)); // offline; retried when the connection is back
  return later;
}

/** @param {number} milestone  @param {number} [atMs]  when it was reached, by this device's clock */
function celebrate(milestone, atMs) {
  if (light.open(milestone, atMs)) write(find("[data-announcement]"), phrases.reached.replace("{milestone}", written(milestone)));
}

koyjabo.subscribe((stats, state) => {
  if (state === "live") connection.heard();
  if (state === "offline") connection.doubt();
  showLine(state, stats?.stale && state !== "offline" ? phrases.stale : phrases[state]);
  if (state === "live") loadLater();
  if (stats) ownVisit.show(koyjabo, stats, isOver);
  if (!stats || stats === shown) return;
  shown = stats;
  figures.show(stats);
  light.show(stats);
  announcer.show(inWords(stats));
});
addEventListener("koyjaboMilestone", (event) => {
  const { milestone } = /** @type {CustomEvent} */ (event).detail;
  celebrate(milestone, isCopy || !koyjabo.stats ? Date.now() : koyjabo.stats.revision - aheadMs); // a page that slept hears of it late
});

koyjabo.start().then(() => {
  const { visit, stats } = koyjabo;
  isOver = true;
  if (stats) ownVisit.show(koyjabo, stats, isOver);
  if (visit && !hadNumber && milestones.includes(visit.ordinal)) celebrate(visit.ordinal);
  loadLater();
});
addEventListener("load", () => setTimeout(() => import("../counting/offline.js").catch(() => {}), SETTLED_MS));

const asking = find("[data-forget] form");
asking.addEventListener("submit", async (event) => {
  event.preventDefault();
  const status = find("[data-forget] [role=status]"), button = find("[data-forget] button");
  button.toggleAttribute("disabled", true);
  write(status, phrases.forgetting);
  const isForgotten = await import("./forgetting.js").then(({ forget }) => forget(koyjabo)).catch(() => false);
  write(status, isForgotten ? phrases.forgotten : phrases.remembered);
  button.toggleAttribute("disabled", isForgotten);
  if (!isForgotten) return;
  showLine("offline", phrases.stale);
  find("[data-share]").removeAttribute("href"); // the number's page no longer exists
});
