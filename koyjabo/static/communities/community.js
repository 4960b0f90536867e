/** Updates a community's online count and stats, and counts a member's visit. */

import { Figures, written } from "../webkit/figures.js";
import { community, counts, listen, page, phrases } from "./inside.js";
import { isNewer, KoyJabo } from "../counting/koyjabo.js";
import { Day } from "../webkit/day.js";
import { Announcer, find, readJson } from "../webkit/page.js";

/** @typedef {import("../counting/koyjabo.js").Stats} Stats */

/** @type {Set<(event: import("./inside.js").ServerEvent) => void>} called with each event */
export const followers = new Set();

const COUNTS = ["visitor_count", "visitor_joined", "visitor_left"];

export let figures = new Figures();
const day = new Day();
const announcer = new Announcer();
const koyjabo = counts !== undefined ? new KoyJabo({ communityId: community, listens: false, pageViews: false }) : undefined;
/** @type {Stats} */
let shown = readJson("stats");

/** @param {Stats} stats  may arrive in any order */
function accept(stats) {
  if (!isNewer(stats, shown)) return;
  if (stats.todayVisits < shown.todayVisits) page.refresh(); // a new day has begun, with other peaks
  shown = stats;
  figures.show(stats);
  day.show(stats.todayVisits);
}

/** @param {import("./inside.js").ServerEvent} event */
function hear(event) {
  if (event.type === "visitor_update") accept(event.stats);
  if (event.type === "members_online" && event.people.length && !document.querySelector("#online")) location.reload(); // it has been turned on
  for (const follower of followers) follower(event);
  if (!COUNTS.includes(event.type)) return;
  figures.show({ online: event.count });
  // If there is a list, it announces the people.
  if (!document.querySelector("#online")) announcer.show(phrases.online.replace("{count}", written(event.count)));
}

find("#facts").addEventListener("replaced", () => {
  figures = new Figures();
  figures.show(shown); // the response may be older; if it is newer, #stats follows
});
find("#day").addEventListener("replaced", () => day.show(shown.todayVisits));
find("#stats").addEventListener("replaced", () => accept(readJson("stats")));
listen("visitors", hear, () => koyjabo?.stop());
koyjabo?.start().then(() => page.refresh());
