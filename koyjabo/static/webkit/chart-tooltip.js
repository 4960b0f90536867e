/**
 * The tooltip of a chart. It follows the pointer and the arrow keys. The plot has the role of a slider, so that screen
 * readers announce its value.
 */

import { make } from "./page.js";

/**
 * `spoken` is the value in words, if it is shown with symbols.
 * @typedef {{title: string, lines: {name: string, value: string, series: string, spoken?: string}[], note?: string}}
 * Reading
 */

/**
 * @typedef {object} Chart  the chart that the tooltip belongs to
 * @property {(row: number) => Reading} read
 * @property {(row: number) => void} point  shows the tooltip at a row
 * @property {() => void} leave  hides it
 * @property {(row: number) => void} [choose]  called on Enter and on clicks, except taps
 */

const STEPS = new Map([
  ["ArrowLeft", -1], ["ArrowDown", -1], ["PageDown", -6], ["Home", -Infinity],
  ["ArrowRight", 1], ["ArrowUp", 1], ["PageUp", 6], ["End", Infinity],
]);
const GAP_PX = 8; // from the pointer

export class ChartTooltip {
  #place;
  #chart;
  #tip = document.createElement("div");
  #row = 0; // shown last
  #last = 0;

  /** @param {HTMLElement} place  the element of the plot  @param {Chart} chart */
  constructor(place, chart) {
    this.#place = place;
    this.#chart = chart;
    Object.assign(this.#tip, { className: "tip", hidden: true });
    place.after(this.#tip);
    set(place, { tabindex: 0, role: "slider", "aria-valuemin": 0 });
    place.addEventListener("keydown", (event) => this.#press(event));
    place.addEventListener("click", ({ pointerType }) => pointerType === "touch" || this.#tip.hidden || chart.choose?.(this.#row)); // a tap shows the tooltip
    place.addEventListener("focus", () => place.matches(":focus-visible") && chart.point(this.#row));
    place.addEventListener("blur", chart.leave);
  }

  /** @param {number} rows  in the chart  @param {number} [row]  announced while no tooltip is shown */
  limit(rows, row = rows - 1) {
    this.#last = rows - 1;
    set(this.#place, { "aria-valuemax": this.#last });
    if (this.#tip.hidden) this.#say(row, this.#chart.read(row));
  }

  hide() {
    this.#tip.hidden = true;
  }

  /** @param {number} row  @param {number} x  @param {number} y  position in the same coordinates as the plot */
  show(row, x, y) {
    const reading = this.#chart.read(row);
    this.#tip.hidden = false;
    this.#say(row, reading);
    this.#tip.replaceChildren(make("strong", {}, reading.title), ...reading.lines.map(line), ...(reading.note ? [make("em", {}, reading.note)] : []));
    this.#move(x, y);
  }

  /** Moves the tooltip next to the pointer, on the side with enough room. @param {number} x  @param {number} y */
  #move(x, y) {
    const { style, parentElement } = this.#tip, { width } = this.#tip.getBoundingClientRect();
    const isRight = x + GAP_PX + width <= (parentElement?.clientWidth ?? 0);
    style.left = `${isRight ? x + GAP_PX : Math.max(x - GAP_PX - width, 0)}px`;
    style.top = `${y}px`;
  }

  /** @param {number} row  @param {Reading} reading */
  #say(row, { title, lines, note = "" }) {
    const values = lines.map(({ name, value, spoken }) => `${name} ${spoken ?? value}`).join(", ");
    this.#row = row;
    set(this.#place, { "aria-valuenow": row, "aria-valuetext": `${title}: ${values}${note && `. ${note}`}` });
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const step = STEPS.get(event.key);
    if (event.key === "Escape") this.#chart.leave();
    if (event.key === "Enter") this.#chart.choose?.(this.#row);
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#chart.point(Math.min(Math.max(this.#row + step, 0), this.#last));
  }
}

/**
 * Writes only changed values, because a screen reader may announce every write. @param {HTMLElement} element  @param
 * {Record<string, string | number>} attributes
 */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** @param {Reading["lines"][number]} line */
const line = ({ name, value, series }) => make("span", { "data-series": series }, name, make("b", {}, value));

/** The tooltip of a chart of the hours of a day, for mouse, touch and keyboard. */

const LAST = 23; // hour
const INSET = 0.5 / 24; // from an edge to the middle of the first or last bar, as a share of the width
const NONE = -1;

export class HourTooltip {
  #place;
  /** @type {ChartTooltip} */ #tooltip;
  #row = NONE; // shown

  /**
   * @param {HTMLElement} place  the element of the drawing  @param {(row: number) => Reading} read
   */
  constructor(place, read) {
    this.#place = place;
    this.#tooltip = new ChartTooltip(place, { read, point: (row) => this.#point(row), leave: () => this.#point(NONE) });
    place.addEventListener("pointerdown", (event) => this.#follow(event));
    place.addEventListener("pointermove", (event) => this.#follow(event));
    place.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && this.#point(NONE)); // a lifted finger also fires this event
  }

  /** Call this after the values have changed. @param {number} now  the current hour */
  update(now) {
    this.#tooltip.limit(LAST + 1, now);
    if (this.#row !== NONE) this.#point(this.#row);
  }

  /** @param {PointerEvent} event */
  #follow({ clientX }) {
    const { left, width } = this.#place.getBoundingClientRect();
    const share = ((clientX - left) / width - INSET) / (1 - 2 * INSET);
    this.#point(Math.round(LAST * Math.min(Math.max(share, 0), 1)));
  }

  /** @param {number} row  @returns {void} */
  #point(row) {
    const { style, offsetLeft, offsetTop, clientWidth } = this.#place, share = INSET + (row / LAST) * (1 - 2 * INSET);
    this.#row = row;
    this.#place.toggleAttribute("data-pointed", row !== NONE);
    if (row === NONE) return this.#tooltip.hide();
    style.setProperty("--at", `${100 * share}%`);
    this.#tooltip.show(row, offsetLeft + clientWidth * share, offsetTop);
  }
}
