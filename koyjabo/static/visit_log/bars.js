/** Numbers by name as bars, largest first, then the rest. Reuses a name's row, so that its bar grows. */

import { written } from "../webkit/figures.js";

/** The rest. */
const LAST = "Other";

export class Bars {
  #list;
  #nobody;
  #row;
  #nameOf;
  /** @type {Map<string, number>} */
  #counts = new Map();
  /** @type {Map<string, Element>} */
  #rows = new Map();

  /** @param {HTMLElement} part  has a list, a template for its rows, and a text for an empty list
   * @param {(name: string) => string} nameOf  returns the name to show
   */
  constructor(part, nameOf) {
    this.#list = /** @type {HTMLElement} */ (part.querySelector("tbody"));
    this.#nobody = /** @type {HTMLElement} */ (part.querySelector("[data-nobody]"));
    this.#row = /** @type {HTMLTemplateElement} */ (part.querySelector("template")).content;
    this.#nameOf = nameOf;
  }

  /**
   * @param {Record<string, number | null>} counts  complete values by name; null removes the name
   * @param {boolean} isWhole
   */
  take(counts, isWhole) {
    if (isWhole) this.#counts.clear();
    for (const [name, count] of Object.entries(counts)) count ? this.#counts.set(name, count) : this.#counts.delete(name);
    const most = Math.max(...this.#counts.values());
    const sorted = [...this.#counts].sort(
      ([one, more], [other, fewer]) =>
        Number(one === LAST) - Number(other === LAST) || fewer - more || one.localeCompare(other),
    );
    const rows = sorted.map(([name, count]) => this.#draw(name, count, (100 * count) / most));
    this.#rows = new Map(sorted.map(([name], at) => [name, rows[at]]));
    this.#list.replaceChildren(...rows);
    this.#nobody.hidden = rows.length > 0;
  }

  /** @param {string} name  @param {number} count  @param {number} percent */
  #draw(name, count, percent) {
    const row = this.#rows.get(name) ?? /** @type {Element} */ (this.#row.firstElementChild?.cloneNode(true));
    /** @type {Element} */ (row.querySelector("span")).textContent = this.#nameOf(name);
    /** @type {Element} */ (row.lastElementChild).textContent = written(count);
    row.querySelector("rect")?.setAttribute("width", String(percent));
    return row;
  }
}
