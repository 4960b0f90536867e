/** The table of communities that people entered or left within the last hour. */

import { nameOf } from "../realtime/panel-line.js";
import { written } from "../webkit/figures.js";
import { write } from "../webkit/page.js";

/** @typedef {{name: string, nameBn?: string, online: number, came: number, left: number}} Community */

/** While the table has focus, its rows are updated but not reordered. */
export class Traffic {
  #part;
  #body;
  #row;
  /** @type {Map<string, Community>} by id, most recently changed last */
  #communities = new Map();
  /** @type {Map<string, HTMLElement>} rows by id */
  #rows = new Map();

  /** @param {HTMLElement} part */
  constructor(part) {
    this.#part = part;
    this.#body = /** @type {HTMLElement} */ (part.querySelector("tbody"));
    this.#row = /** @type {HTMLTemplateElement} */ (part.querySelector("template")).content;
    part.addEventListener("focusout", () => setTimeout(() => this.#show()));
  }

  /**
   * @param {Record<string, Community | null>} communities  full values by id; null removes the community
   * @param {boolean} isWhole
   */
  take(communities, isWhole) {
    if (isWhole) this.#communities.clear();
    for (const [id, community] of Object.entries(communities).reverse()) {
      this.#communities.delete(id);
      if (community) this.#communities.set(id, community);
    }
    this.#show();
  }

  #show() {
    const shown = [...this.#communities].reverse();
    const rows = new Map(shown.map(([id, community]) => [id, fill(this.#rows.get(id) ?? this.#make(), id, community)]));
    if (this.#body.contains(document.activeElement)) return;
    this.#rows = rows;
    this.#body.replaceChildren(...rows.values());
    /** @type {HTMLElement} */ (this.#part.querySelector("[data-nobody]")).hidden = rows.size > 0;
    /** @type {HTMLElement} */ (this.#part.querySelector("table")).hidden = !rows.size;
  }

  #make() {
    return /** @type {HTMLElement} */ (this.#row.firstElementChild?.cloneNode(true));
  }
}

/** @param {HTMLElement} row  @param {string} id  @param {Community} community */
function fill(row, id, community) {
  const { online, came, left } = community;
  const link = /** @type {HTMLAnchorElement} */ (row.querySelector("a"));
  write(link, nameOf(community));
  link.href = (link.dataset.href ?? "").replace("~", id);
  row.querySelectorAll("td").forEach((cell, at) => write(cell, written([online, came, left][at])));
  return row;
}
