/** The disc, which pulses with each visit and opens for a minute at a milestone, and the total in the tab's title. */

import { sentence } from "./own-visit.js";
import { written } from "../webkit/figures.js";
import { find, offered, readJson, still } from "../webkit/page.js";

/** @typedef {import("../counting/koyjabo.js").Stats} Stats */

const OPEN_MS = 60_000, TICK_MS = 1_000;
const BEAT = { duration: 620, easing: "cubic-bezier(.2, .7, .3, 1)" };

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
  #milestone = 0; // while the disc is open
  #closesMs = 0;
  #clock = 0;

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
    if (stats.totalVisits < this.#milestone) this.close(); // a new count began
    if (!visits || still.matches || this.#beat?.playState === "running") return;
    this.#beat = offered(() => {
      this.#disc.animate({ opacity: [0.55, 0], scale: [1, 1.2] }, { ...BEAT, duration: 1.6 * BEAT.duration, pseudoElement: "::after" });
      return this.#disc.animate({ scale: [1, 1.045, 1] }, BEAT);
    }, undefined);
  }

  /**
   * Show a milestone until a minute after it was reached. Compares times, because no timer runs while a device sleeps.
   * @param {number} milestone  @param {number} [atMs]  since 1970  @returns {boolean} whether it is shown only now
   */
  open(milestone, atMs = Date.now()) {
    if (milestone === this.#milestone || Date.now() - atMs >= OPEN_MS) return false;
    this.close();
    this.#milestone = milestone;
    this.#closesMs = Math.min(atMs, Date.now()) + OPEN_MS;
    this.#clock = setInterval(() => Date.now() < this.#closesMs || this.close(), TICK_MS);
    find("[data-light] p").replaceChildren(...sentence(readJson("phrases").reached, { milestone: written(milestone) }));
    this.#disc.dataset.reached = "";
    return true;
  }

  close() {
    clearInterval(this.#clock);
    this.#milestone = 0;
    delete this.#disc.dataset.reached;
  }

  #entitle() {
    document.title = `${written(this.#stats.totalVisits)} · ${this.#title}`;
  }
}
