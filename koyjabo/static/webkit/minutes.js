/** Bars for the last 60 minutes, and their table. The server draws both; this script keeps them up to date. */

import { written } from "./figures.js";
import { LAST, MinuteTooltip } from "./minute-tooltip.js";
import { minuteOfDay } from "./moments.js";
import { write } from "./page.js";

const MINUTE_MS = 60_000;
const MINUTES = 60;
const TOP = 100; // height of the drawing
const INSET = 0.5 / MINUTES; // to the middle of the first bar

/** @param {number} minute  since 1970 */
const named = (minute) => minuteOfDay(minute * MINUTE_MS);

/** One chart. Each minute has a number for every series; the series are stacked. */
export class Minutes {
  #figure;
  #bars;
  #rows;
  #names;
  #first; // minute shown
  /** @type {MinuteTooltip | null} */ #tooltip = null;
  /** @type {Map<number, number[]>} */
  #values = new Map();

  /** @param {HTMLElement | null} figure  null if the page has no such chart */
  constructor(figure) {
    this.#figure = figure;
    this.#bars = [...(figure?.querySelectorAll("svg g") ?? [])].map((group) => [...group.children]); // oldest first
    this.#rows = [...(figure?.querySelectorAll("tbody tr") ?? [])].reverse();
    this.#names = [...(figure?.querySelectorAll("thead .number") ?? [])].map(({ textContent }) => textContent ?? "");
    this.#first = minuteOf(this.#rows[0]);
    for (const row of this.#rows) this.#values.set(minuteOf(row), numbersOf(row));
    const plot = /** @type {HTMLElement | null} */ (figure?.querySelector(".plot") ?? null);
    if (plot) this.#tooltip = new MinuteTooltip(plot, (row) => this.#inWords(row), INSET);
  }

  /** @param {Record<string, number | number[] | null>} minutes  full values by minute  @param {boolean} isWhole */
  take(minutes, isWhole) {
    if (isWhole) this.#values.clear();
    for (const [minute, value] of Object.entries(minutes)) this.#values.set(Number(minute), [value ?? 0].flat());
  }

  /** @param {number} nowMs  by the server's clock */
  draw(nowMs) {
    const first = (this.#first = Math.floor(nowMs / MINUTE_MS) - MINUTES + 1);
    for (const minute of this.#values.keys()) if (minute < first) this.#values.delete(minute);
    const columns = this.#bars.map((_, at) => this.#values.get(first + at) ?? []);
    const most = Math.max(1, ...columns.map(sum));
    this.#bars.forEach((parts, at) => stack(parts, columns[at], most));
    this.#rows.forEach((row, at) => fill(row, first + at, columns[at]));
    const label = this.#figure?.querySelector("[data-most]");
    if (label) write(label, written(Math.max(0, ...columns.map(sum))));
    this.#tooltip?.update();
  }

  /** @param {number} row  @returns {import("./chart-tooltip.js").Reading} highest series first */
  #inWords(row) {
    const values = this.#names.map((_, at) => this.#values.get(this.#first + row)?.[at] ?? 0);
    const lines = this.#names.map((name, at) => ({ name, value: written(values[at]), series: `${at + 1}` })).reverse();
    const { total = "", running = "" } = this.#figure?.dataset ?? {};
    if (lines.length > 1) lines.push({ name: total, value: written(sum(values)), series: "0" });
    return { title: named(this.#first + row), lines, note: row === LAST ? running : "" };
  }
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);

/** @param {Element | undefined} row */
const minuteOf = (row) => Number(row?.getAttribute("data-minute"));

/** @param {Element} row */
const numbersOf = (row) => [...row.querySelectorAll("[data-value]")].map((cell) => Number(cell.getAttribute("data-value")));

/** @param {Element[]} parts  a rectangle for each series  @param {number[]} values  @param {number} most */
function stack(parts, values, most) {
  let top = TOP;
  for (const [at, part] of parts.entries()) {
    const height = (TOP * (values[at] ?? 0)) / most;
    top -= height;
    put(part, "y", top);
    put(part, "height", height);
  }
}

/** @param {Element} row  @param {number} minute  @param {number[]} values */
function fill(row, minute, values) {
  put(row, "data-minute", minute);
  const [name, ...cells] = row.children;
  write(name, named(minute));
  cells.forEach((cell, at) => {
    put(cell, "data-value", values[at] ?? 0);
    write(cell, written(values[at] ?? 0));
  });
}

/**
 * Writes a value only if it has changed, because each write triggers a layout.
 * @param {Element} element  @param {string} name  @param {number} value
 */
function put(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}
