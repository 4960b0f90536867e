/** The newest visits: "3s ago · Someone in Dhaka". Names no place with fewer than three people. */

import { find, readJson } from "../webkit/page.js";
import "../webkit/parts/ages.js";
import { placeWithin } from "../webkit/places.js";

/** @typedef {import("../counting/client/stats.js").Last} Last */

const MOST = 8;
const REST_MS = 1_000; // between two rows, so that they can be read

const phrases = readJson("phrases").feed;

export class Feed {
  #list = find("[data-feed]");
  #nothing = find("[data-no-visits]");
  #row = /** @type {HTMLTemplateElement} */ (find("#visit")).content;
  #shownAt;
  /** @type {Last | null} */ #waiting = null;
  #timer = 0;

  constructor() {
    this.#shownAt = Number(this.#list.dataset.newest);
  }

  /** @param {Last | null | undefined} last */
  show(last) {
    if (!last || Date.parse(last.at) <= this.#shownAt) return;
    this.#waiting = last;
    if (!this.#timer) this.#next();
  }

  #next() {
    this.#timer = 0;
    if (!this.#waiting) return;
    const last = this.#waiting;
    this.#waiting = null;
    this.#shownAt = Date.parse(last.at);
    this.#nothing.hidden = true;
    this.#list.prepend(this.#draw(last));
    while (this.#list.children.length > MOST) this.#list.lastElementChild?.remove();
    document.dispatchEvent(new Event("replaced")); // the ages tick
    this.#timer = setTimeout(() => this.#next(), REST_MS);
  }

  /** @param {Last} last */
  #draw({ at, place }) {
    const row = /** @type {HTMLElement} */ (this.#row.firstElementChild?.cloneNode(true));
    const [time, words] = /** @type {any} */ (row.children);
    time.dateTime = at;
    words.textContent = place ? phrases.there.replace("{place}", () => placeWithin(place)) : phrases.somewhere;
    row.classList.add("arrived");
    return row;
  }
}
