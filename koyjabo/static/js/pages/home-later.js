/** The live parts of the home page below its number, in one file that is loaded after it. */

import { Feed } from "../home/feed.js";
import { Goal } from "../home/goal.js";
import { People } from "../home/people.js";

/** @typedef {import("../koyjabo.js").KoyJabo} KoyJabo */

const people = new People();
const feed = new Feed();
const goal = document.querySelector("[data-goal]") && new Goal();

/** @param {KoyJabo} koyjabo */
export function follow(koyjabo) {
  /** @type {unknown} */ let shown;
  /** @type {string | undefined} */ let lastAt;
  koyjabo.subscribe((stats) => {
    if (stats && stats !== shown) {
      people.show(stats.locations);
      goal?.show(stats.totalVisits);
    }
    shown = stats;
    const { last } = koyjabo;
    if (!last || last.at === lastAt) return;
    lastAt = last.at;
    feed.show(last);
    people.pulse(last.place);
  });
}

/** @param {number} milestone */
export const celebrate = (milestone) => goal?.celebrate(milestone);
