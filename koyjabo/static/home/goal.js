/** Progress to the next milestone. */

import { written } from "../webkit/figures.js";
import { find, readJson, write } from "../webkit/page.js";

const words = readJson("phrases").ahead;

export class Goal {
  #part = find("[data-goal]");
  #ahead = (this.#part.dataset.goal ?? "").split(" ").map(Number);

  /** @param {number} total */
  show(total) {
    const next = this.#ahead.find((milestone) => milestone > total);
    this.#part.hidden = !next;
    if (!next) return; // the page knows only a few milestones; a new page has more
    find("[data-pace]").hidden = next !== this.#ahead[0];
    write(find("[data-goal-words]"), words.replace("{visits}", written(next - total)).replace("{milestone}", written(next)));
    find("[data-goal] rect").setAttribute("width", `${Math.floor((100 * total) / next)}%`);
  }
}
