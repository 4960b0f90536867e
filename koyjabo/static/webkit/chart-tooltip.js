/**
 * The tooltip of a chart. It follows the pointer and the arrow keys. The plot has the role of a slider, so that screen
 * readers announce its value.
 */

/**
 * Series "0" is the total. `spoken` is the value in words, if it is shown with symbols.
 * @typedef {{title: string, lines: {name: string, value: string, series: string, spoken?: string}[], note: string}}
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
    this.#tip.replaceChildren(part("strong", reading.title), ...reading.lines.map(line), ...(reading.note ? [part("em", reading.note)] : []));
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
  #say(row, { title, lines, note }) {
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
function line({ name, value, series }) {
  const element = part("span", name);
  element.dataset.series = series;
  element.append(part("b", value));
  return element;
}

/** @param {string} tag  @param {string} text */
function part(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
