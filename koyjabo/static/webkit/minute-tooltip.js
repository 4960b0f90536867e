/**
 * The tooltip of a chart of the last 60 minutes or of the hours of a day, oldest first. It works with mouse, touch and
 * keyboard.
 */

import { ChartTooltip } from "./chart-tooltip.js";

/** @typedef {import("./chart-tooltip.js").Reading} Reading */

export const LAST = 59; // the current minute
const NONE = -1;

export class MinuteTooltip {
  #place;
  #inset;
  #last;
  /** @type {ChartTooltip} */ #tooltip;
  #row = NONE; // shown

  /**
   * @param {HTMLElement} place  the element of the drawing  @param {(row: number) => Reading} read
   * @param {number} inset  from an edge to the middle of the first or last bar, as a share of the width
   * @param {number} [last]  index of the last row
   */
  constructor(place, read, inset, last = LAST) {
    this.#place = place;
    this.#inset = inset;
    this.#last = last;
    this.#tooltip = new ChartTooltip(place, { read, point: (row) => this.#point(row), leave: () => this.#point(NONE) });
    place.addEventListener("pointerdown", (event) => this.#follow(event));
    place.addEventListener("pointermove", (event) => this.#follow(event));
    place.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && this.#point(NONE)); // a lifted finger also fires this event
    this.update();
  }

  /** Call this after the values have changed. @param {number} [now]  the current row */
  update(now = this.#last) {
    this.#tooltip.limit(this.#last + 1, now);
    if (this.#row !== NONE) this.#point(this.#row);
  }

  /** @param {PointerEvent} event */
  #follow({ clientX }) {
    const { left, width } = this.#place.getBoundingClientRect();
    const share = ((clientX - left) / width - this.#inset) / (1 - 2 * this.#inset);
    this.#point(Math.round(this.#last * Math.min(Math.max(share, 0), 1)));
  }

  /** @param {number} row  @returns {void} */
  #point(row) {
    const { style, offsetLeft, offsetTop, clientWidth } = this.#place, share = this.#inset + (row / this.#last) * (1 - 2 * this.#inset);
    this.#row = row;
    this.#place.toggleAttribute("data-pointed", row !== NONE);
    if (row === NONE) return this.#tooltip.hide();
    style.setProperty("--at", `${100 * share}%`);
    this.#tooltip.show(row, offsetLeft + clientWidth * share, offsetTop);
  }
}
