/** Progress to the next milestone. Each milestone is celebrated once, when it is reached. */

import { written } from "../webkit/figures.js";
import { find, readJson, write } from "../webkit/page.js";

const SHOWN_MS = 60_000;

const phrases = readJson("phrases").goal;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Goal {
  #part = find("[data-goal]");
  #words = find("[data-goal-words]");
  #pace = find("[data-pace]");
  #bar = find("[data-goal] rect");
  #ahead = (this.#part.dataset.goal ?? "").split(" ").map(Number);
  #first = this.#ahead[0];
  #total = 0;
  #reached = 0; // the milestone being celebrated, or 0
  #celebrated = new Set();

  /** @param {number} total */
  show(total) {
    this.#total = total;
    if (!this.#reached) this.#draw();
  }

  /** @param {number} milestone */
  celebrate(milestone) {
    if (this.#celebrated.has(milestone)) return;
    this.#celebrated.add(milestone);
    this.#reached = milestone;
    const words = phrases.reached.replace("{milestone}", written(milestone));
    document.body.dataset.reached = ""; // makes the board white and red
    this.#put(words, 1);
    write(find("[data-announcement]"), words);
    setTimeout(() => this.#end(milestone), SHOWN_MS);
    if (!still.matches) import("./confetti.js").then(({ fall }) => fall()).catch(() => {}); // not available offline
  }

  /** @param {number} milestone */
  #end(milestone) {
    if (milestone !== this.#reached) return; // another one was reached
    this.#reached = 0;
    delete document.body.dataset.reached;
    this.#draw();
  }

  #draw() {
    const next = this.#ahead.find((milestone) => milestone > this.#total);
    this.#part.hidden = !next;
    if (!next) return; // the page knows only a few milestones; a new page has more
    this.#pace.hidden = next !== this.#first;
    this.#put(phrases.ahead.replace("{visits}", written(next - this.#total)).replace("{milestone}", written(next)), this.#total / next);
  }

  /** @param {string} words  @param {number} share */
  #put(words, share) {
    write(this.#words, words);
    this.#bar.setAttribute("width", `${Math.floor(100 * share)}%`);
  }
}
