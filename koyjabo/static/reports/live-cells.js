/** Updates a view's cells with the numbers that the server pushes. */

import { locale, showNumber, spent, written } from "../webkit/figures.js";
import { offered, still, write } from "../webkit/page.js";

/** @typedef {(number | string | null)[]} Cell  the values that its elements show, in order */
/**
 * @typedef {object} ViewUpdate
 * @property {string} view  the view's key
 * @property {number} moment  increases over time
 * @property {string} at  HH:MM:SS in the time zone of the server's days
 * @property {boolean} [whole]  whether it contains everything, not only changes
 * @property {Record<string, Cell>} [cells]  by key
 * @property {Record<string, string>} [parts]  part versions by name; a part with another version needs new HTML
 */

const GLOW_MS = 600; // of a row with another number

/** @param {Intl.NumberFormatOptions} options */
const format = (options) => offered(() => new Intl.NumberFormat(locale, options), { format: (/** @type {number} */ number) => number.toLocaleString(locale, options) });
const decimal = format({ minimumFractionDigits: 1, maximumFractionDigits: 1 });
const percent = format({ maximumFractionDigits: 2 });

/** @param {string} text  @returns {string} the text in the language's digits */
const digits = (text) => text.replace(/\d/g, (digit) => written(Number(digit)));

/** @param {number | string | null} value */
const inWords = (value) => (value === null ? "–" : written(Number(value)));

/** How an element shows a value, by its `data-as`. @type {Record<string, (element: HTMLElement, value: any) => void>} */
const SHOW = {
  bar: (element, value) => element.setAttribute("width", value),
  level: (element, value) => (element.dataset.level = value),
  share: (element, value) => write(element, value === null ? "–" : `${decimal.format(value)}%`),
  decimal: (element, value) => write(element, decimal.format(value)),
  time: (element, value) => write(element, digits(value)),
  stat: (element, value) => showNumber(element, value),
  "time spent": (element, value) => (element.dataset.stat ? showNumber(element, value, spent(value)) : write(element, spent(value))),
  change: (element, value) => element.replaceChildren(value === null ? "–" : change(value)),
  count(element, value) {
    write(element, inWords(value));
    const cell = element.closest("td"); // charts read it from the cell
    for (const name of ["value", "compared"]) if (cell && name in cell.dataset) cell.dataset[name] = value ?? "";
  },
};

/** A change, such as "▲ 15%". @param {number | string} value  in percent, or "new" */
function change(value) {
  const kinds = /** @type {HTMLTemplateElement} */ (document.querySelector("template[data-changes]")).content.children;
  const kind = typeof value === "string" ? 3 : value > 0 ? 0 : value < 0 ? 1 : 2;
  const shown = document.importNode(kinds[kind], true);
  if (kind < 2) /** @type {ChildNode} */ (shown.lastChild).textContent = `${percent.format(Math.abs(Number(value)))}%`;
  return shown;
}

/** @param {HTMLElement} list  @param {(HTMLElement | undefined)[]} rows */
const isOrder = (list, rows) => list.querySelectorAll("[data-value]").length === rows.length && rows.every((row, at) => row === list.children[at]);

/** @param {HTMLElement} part */
const nameOf = (part) => part.dataset.part ?? "";

export class LiveCells {
  #root;
  #view = "";
  #moment = 0;
  #time = ""; // the moment, in words
  /** @type {Record<string, Cell>} */
  #cells = {};
  /** @type {Record<string, string>} */
  #versions = {};
  /** The text of each cell. @type {WeakMap<Element, string>} */
  #shown = new WeakMap();
  /** All list rows that this view has had, by list and value. @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** The names of parts that need new HTML. @type {Set<string>} */
  #outdated = new Set();

  /** @param {HTMLElement} root  the root element of Insights */
  constructor(root) {
    this.#root = root;
  }

  /** Whether an update is for the view on the page. @param {{view: string}} update */
  isOf({ view }) {
    return view === this.#find("[data-view]")?.dataset.view;
  }

  /** Forgets the pushed numbers, because the page follows another view or uses another connection. */
  forget() {
    [this.#view, this.#moment, this.#cells, this.#versions] = ["", 0, {}, {}];
    this.#rows.clear();
    this.#outdated.clear();
  }

  /** @param {ViewUpdate} update  @returns {boolean} whether it has numbers for the view that the page shows */
  take(update) {
    const { view, moment, at, whole = false, cells = {}, parts = {} } = update;
    if (!this.isOf(update) || (whole && !update.cells)) return false;
    if (whole) [this.#cells, this.#versions] = [{}, {}];
    [this.#view, this.#moment] = [view, moment];
    Object.assign(this.#cells, cells);
    Object.assign(this.#versions, parts);
    this.#time = digits(at);
    const isOlder = this.#isOlder; // the HTML is newer than this update, or the total has fallen
    if (!isOlder) {
      this.#fillAll(this.#parts());
      this.showMoment(moment, this.#time);
    }
    for (const part of this.#parts()) {
      if (isOlder || this.#hasChanged(part)) this.#outdated.add(nameOf(part));
      else this.#outdated.delete(nameOf(part));
    }
    return true;
  }

  /** Whether the pushed numbers are older than the page. */
  get #isOlder() {
    return this.#moment < Number(this.#line?.dataset.moment);
  }

  /** Marks all parts as needing new HTML. */
  outdateAll() {
    for (const part of this.#parts()) this.#outdated.add(nameOf(part));
  }

  /** Whether HTML is older than the pushed numbers. @param {ParentNode} newer */
  isBehind(newer) {
    return Number(/** @type {HTMLElement | null} */ (newer.querySelector("[data-part][data-moment]"))?.dataset.moment) < this.#moment;
  }

  /** Writes the current numbers into requested HTML. @param {ParentNode} newer */
  adopt(newer) {
    if (!this.isOf({ view: this.#view }) || this.#isOlder) return;
    this.#fillAll(this.#parts(newer));
    this.showMoment(this.#moment, this.#time, newer);
  }

  /**
   * Marks a part as up to date, unless its HTML is older than the pushed numbers. @param {HTMLElement} part  with the
   * moment and the version of the HTML
   */
  arrived(part) {
    if (Number(part.dataset.moment) >= this.#moment || !this.#hasChanged(part)) this.#outdated.delete(nameOf(part));
  }

  /** @param {HTMLElement[]} parts */
  #fillAll(parts) {
    for (const part of parts.filter((candidate) => !this.#hasChanged(candidate))) {
      this.#fill(part);
      part.dataset.moment = String(this.#moment);
      write(/** @type {Element} */ (part.querySelector("[data-as-of]")), this.#time);
    }
  }

  /** The names of parts that need new HTML. */
  get outdated() {
    return this.#parts().map(nameOf).filter((name) => this.#outdated.has(name));
  }

  /**
   * Shows the moment that the figures are from.
   * @param {number} moment  @param {string} time  the moment as text  @param {ParentNode} [where]
   */
  showMoment(moment, time, where = this.#root) {
    const line = /** @type {HTMLElement | null} */ (where.querySelector("#insights-moment"));
    if (!line) return;
    line.dataset.moment = String(moment);
    write(/** @type {Element} */ (line.querySelector("#insights-time")), time);
    const upto = /** @type {HTMLElement | null} */ (line.querySelector("[data-stat=upto]"));
    if (upto) showNumber(upto, moment);
    this.#fill(line);
  }

  get #line() {
    return this.#find("#insights-moment");
  }

  /** @param {string} selector */
  #find(selector) {
    return /** @type {HTMLElement | null} */ (this.#root.querySelector(selector));
  }

  /** @param {ParentNode} [where] */
  #parts(where = this.#root) {
    return /** @type {HTMLElement[]} */ ([...where.querySelectorAll("[data-part][data-version]")]);
  }

  /** Whether a part needs new HTML. @param {HTMLElement} part */
  #hasChanged(part) {
    const known = this.#versions[nameOf(part)];
    if (known !== undefined && known !== part.dataset.version) return true;
    const list = /** @type {HTMLElement | null} */ (part.querySelector("[data-rows]")), rows = list && this.#ordered(list);
    if (!list || !rows || isOrder(list, rows)) return false;
    return !rows.every(Boolean) || list.contains(document.activeElement); // moving its row would lose the focus
  }

  /** The rows of a list in the pushed order; undefined for a row the page never had. @param {HTMLElement} list */
  #ordered(list) {
    const name = list.dataset.rows ?? "", known = /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("[data-value]"));
    for (const row of known) this.#rows.set(`${name} ${row.dataset.value}`, row);
    return this.#cells[name]?.map((value) => this.#rows.get(`${name} ${value}`));
  }

  /** Puts the rows of a list into the pushed order. @param {HTMLElement} list */
  #order(list) {
    const rows = /** @type {HTMLElement[] | undefined} */ (this.#ordered(list)), last = list.querySelector("tr:not([data-value])");
    if (!rows || isOrder(list, rows)) return;
    const name = (list.dataset.rows ?? "").replace(/rows$/, "");
    rows.forEach((row, at) => (row.dataset.cell = `${name}${at}`));
    list.replaceChildren(...rows, ...(last ? [last] : []));
  }

  /** @param {HTMLElement} part */
  #fill(part) {
    const list = /** @type {HTMLElement | null} */ (part.querySelector("[data-rows]"));
    if (list) this.#order(list);
    const changed = [...part.querySelectorAll("[data-cell]")].filter((cell) => this.#fillCell(/** @type {HTMLElement} */ (cell)));
    changed.find((cell) => cell.closest("[data-chart]"))?.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  }

  /** @param {HTMLElement} cell  @returns {boolean} whether its contents have changed */
  #fillCell(cell) {
    const values = this.#cells[cell.dataset.cell ?? ""], text = JSON.stringify(values);
    if (!values || this.#shown.get(cell) === text) return false;
    this.#shown.set(cell, text);
    const number = cell.matches("tr[data-value]") ? cell.querySelector("[data-as=count]") : null, before = number?.textContent;
    const elements = /** @type {HTMLElement[]} */ (cell.dataset.as ? [cell] : [...cell.querySelectorAll("[data-as]")]);
    elements.filter((element) => element.closest("[data-cell]") === cell).forEach((element, at) => SHOW[element.dataset.as ?? ""](element, values[at] ?? null));
    if (number?.textContent !== before && !still.matches) cell.animate?.({ backgroundColor: ["var(--accent-soft)", "transparent"] }, GLOW_MS);
    return true;
  }
}
