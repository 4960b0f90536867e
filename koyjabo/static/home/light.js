/** The red disc, which pulses with each visit, and the total in the tab's title. */

import { written } from "../webkit/figures.js";
import { find } from "../webkit/page.js";

/** @typedef {import("../counting/koyjabo.js").Stats} Stats */

const BEAT = { duration: 620, easing: "cubic-bezier(.2, .7, .3, 1)" };

const still = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * The visits between two stats, ignoring manual changes to the total. Today's visits restart at 0 at midnight.
 * @param {Stats} before  @param {Stats} now
 */
function visitsBetween(before, now) {
  const inAll = now.totalVisits - before.totalVisits, today = now.todayVisits - before.todayVisits;
  return Math.max(0, today < 0 ? inAll : Math.min(inAll, today));
}

export class Light {
  #disc = find("[data-light]");
  #title = document.title;
  #stats;
  /** @type {Animation | undefined} */ #beat;

  /** @param {Stats} stats  the stats that the page shows */
  constructor(stats) {
    this.#stats = stats;
    this.#entitle();
  }

  /** @param {Stats} stats  the newest stats */
  show(stats) {
    const visits = visitsBetween(this.#stats, stats);
    this.#stats = stats;
    this.#entitle();
    if (!visits || still.matches || this.#beat?.playState === "running") return;
    this.#beat = this.#disc.animate({ scale: [1, 1.045, 1] }, BEAT);
    this.#disc.animate({ opacity: [0.55, 0], scale: [1, 1.2] }, { ...BEAT, duration: 1.6 * BEAT.duration, pseudoElement: "::after" });
  }

  #entitle() {
    document.title = `${written(this.#stats.totalVisits)} · ${this.#title}`;
  }
}
