/** Draws the charts of a page, each from its table, and again whenever the table changes. */

import { written } from "./figures.js";

/** @type {typeof import("../vendor/uPlot.js")} */
const uPlot = Object(window).uPlot; // a classic script, not a module

const HEIGHT_PX = 240;
const SERIES = ["--series-1", "--series-2", "--series-3"];
const LABEL_PX = 110; // room for a label of the time axis

/** @param {string} token */
const color = (token) => getComputedStyle(document.documentElement).getPropertyValue(token).trim();

/** One chart: its figure, which has a table, and the plot of it. */
class Chart {
  #figure;
  /** @type {uPlot | undefined} */ #plot;
  /** @type {string[]} */ #labels = [];

  /** @param {HTMLElement} figure */
  constructor(figure) {
    this.#figure = figure;
    this.draw();
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.#place());
    const details = figure.querySelector("details");
    if (details) details.open = false;
    figure.classList.add("drawn");
  }

  draw() {
    this.#plot?.destroy();
    const data = this.#read();
    this.#plot = new uPlot(this.#options(), data, this.#place());
  }

  update() {
    this.#plot?.setData(this.#read());
  }

  /** @returns {HTMLElement} */
  #place() {
    return /** @type {HTMLElement} */ (this.#figure.querySelector(".plot"));
  }

  #size() {
    return { width: this.#place().clientWidth, height: HEIGHT_PX };
  }

  /** The columns of the table; the first as row numbers, with its texts in #labels. @returns {uPlot.AlignedData} */
  #read() {
    const rows = [...this.#figure.querySelectorAll("tbody tr")].filter((row) => row.querySelector("[data-at]"));
    this.#labels = rows.map((row) => row.querySelector("[data-at]")?.textContent ?? "");
    const values = rows.map((row) => [...row.querySelectorAll("[data-value]")].map((cell) => Number(cell.getAttribute("data-value"))));
    return [rows.map((_, at) => at), ...this.#names().map((_, column) => values.map((row) => row[column]))];
  }

  #names() {
    return [...this.#figure.querySelectorAll("thead th")].slice(1).map((cell) => cell.textContent ?? "");
  }

  /** @returns {uPlot.Options} */
  #options() {
    const bars = this.#figure.dataset.chart === "bars";
    const grid = { stroke: color("--edge"), width: 1 };
    const axis = { stroke: color("--quiet"), font: "12px system-ui", grid, ticks: grid };
    /** @param {uPlot} _ @param {number | null} at */
    const label = (_, at) => (at === null ? "–" : (this.#labels[at] ?? ""));
    /** @param {uPlot} _ @param {number | null} value */
    const number = (_, value) => (value === null || value === undefined ? "–" : written(value));
    return {
      ...this.#size(),
      scales: { x: { time: false, range: (_, least, most) => [least - 0.5, most + 0.5] }, y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
      axes: [
        { ...axis, space: LABEL_PX, incrs: [1, 2, 3, 4, 6, 7, 12, 14, 24, 30], values: (_, at) => at.map((each) => this.#labels[each] ?? ""), grid: { show: false } },
        { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7], values: (_, values) => values.map(written), size: 56 },
      ],
      series: [
        { label: this.#figure.querySelector("thead th")?.textContent ?? "", value: label },
        ...this.#names().map((name, column) => ({
          label: name,
          value: number,
          stroke: color(SERIES[column]),
          fill: bars ? color(SERIES[column]) : undefined,
          width: bars ? 0 : 2,
          paths: bars ? uPlot.paths.bars?.({ size: [0.7, 48], radius: 0.15 }) : undefined,
          points: { show: false },
        })),
      ],
      cursor: { y: false, drag: { x: false, y: false } },
    };
  }
}

/** @type {Map<Element, Chart>} */
const charts = new Map();
for (const figure of document.querySelectorAll("[data-chart]")) {
  charts.set(figure, new Chart(/** @type {HTMLElement} */ (figure)));
}
document.addEventListener("replaced", (event) => {
  const figure = /** @type {Element} */ (event.target).closest("[data-chart]");
  if (figure) charts.get(figure)?.update();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts.values()) chart.draw();
});
