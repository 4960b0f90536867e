/** The live parts of the home page below the fold, in one file that is loaded later. */

import { Day } from "../../webkit/day.js";
import { Goal } from "../goal.js";
import { find } from "../../webkit/page.js";
import { showPlaces } from "../people.js";

const day = new Day();
const goal = document.querySelector("[data-goal]") && new Goal();

/** @param {import("../../counting/koyjabo.js").KoyJabo} koyjabo  @param {boolean} isOld  whether the page comes from a cache */
export function follow(koyjabo, isOld) {
  /** @type {unknown} */ let shown;
  find("#day").addEventListener("replaced", () => koyjabo.stats && day.show(koyjabo.stats.todayVisits)); // the response may be older
  koyjabo.subscribe((stats, state) => {
    if (state === "live" && isOld) day.refresh(); // also after a lost connection
    isOld = state === "live" ? false : isOld || state !== "connecting";
    if (!stats || stats === shown) return;
    shown = stats;
    day.show(stats.todayVisits);
    showPlaces(stats.locations);
    goal?.show(stats.totalVisits);
  });
}
