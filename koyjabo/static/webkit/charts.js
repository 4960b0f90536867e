/** Draws each chart of a page as bars from its table (uPlot), and redraws it when the table changes. */

import { ChartTooltip } from "./chart-tooltip.js";
import { written } from "./figures.js";
import { offered } from "./page.js";

/** @typedef {import("../vendor/uPlot.js")} uPlot */

/**
 * A table, oldest row first. Per row: its label, title and link, and for the period it is compared with, the
 * value, the day, and the difference as shown and as spoken. `name` and `values` are the drawn column. `incomplete` marks
 * rows that are not over yet or only partly in the range. Unknown values are null. `compared` is empty if there is no comparison.
 * @typedef {ReturnType<typeof readTable>} Table
 */

const ARROWS = { up: "▲ ", down: "▼ " };

/** @param {HTMLElement} figure */
function readTable(figure) {
  const [name = ""] = texts(figure.querySelectorAll("thead [data-series]"));
  const periods = [.../** @type {NodeListOf<HTMLElement>} */ (figure.querySelectorAll("tbody [data-at]"))].reverse();
  return {
    labels: texts(periods.map((cell) => cell.childNodes[0])).map((text, at) => periods[at].dataset.label ?? text),
    titles: texts(periods),
    links: periods.map((cell) => cell.querySelector("a")),
    name,
    values: periods.flatMap((cell) => numbers(cell, "data-value")),
    compared: periods.flatMap((cell) => numbers(cell, "data-compared")),
    comparedDays: periods.flatMap((cell) => cellsOfRow(cell, "data-compared").map((other) => other.querySelector("small")?.textContent ?? "")),
    changes: periods.flatMap((cell) => cellsOfRow(cell, "data-change").map(change)),
    incomplete: periods.map((cell) => Boolean(cell.querySelector("small"))),
  };
}

/** The cells with this attribute in the same row as `cell`. @param {Element} cell  @param {string} name */
const cellsOfRow = (cell, name) => [...(cell.parentElement?.querySelectorAll(`[${name}]`) ?? [])];

/** The change as shown ("▲ 15%") and as spoken ("up 15%"). @param {Element} cell */
function change(cell) {
  const unchanged = cell.querySelector(".change:not([data-direction]) > [aria-hidden]");
  if (unchanged) {
    const [spoken = "", shown = ""] = texts(unchanged.parentElement?.children ?? []);
    return { spoken, shown };
  }
  const [spoken] = texts([cell]), direction = cell.querySelector("[data-direction]")?.getAttribute("data-direction");
  const arrow = direction ? ARROWS[/** @type {"up" | "down"} */ (direction)] : "";
  return { spoken, shown: arrow ? spoken.replace(/^.*?(?=[^ ]*$)/, arrow) : spoken };
}

/** @param {Element} cell  @param {string} name  @returns {(number | null)[]} */
const numbers = (cell, name) => cellsOfRow(cell, name).map((other) => other.getAttribute(name)).map((text) => (text ? Number(text) : null));

/** @param {Iterable<Node>} nodes */
const texts = (nodes) => Array.from(nodes, (node) => (node.textContent ?? "").replace(/\s+/g, " ").trim());

/**
 * The data for uPlot. Incomplete rows have their own series, because uPlot uses one fill per series.
 * @param {Table} table  @returns {uPlot.AlignedData}
 */
function layers({ labels, values, incomplete }) {
  const bars = [false, true].map((isRunning) => values.map((number, at) => (incomplete[at] === isRunning && number) || null)); // a bar of 0 would cover the axis
  return [labels.map((_, at) => at), ...bars];
}

/** @type {typeof import("../vendor/uPlot.js")} */
const uPlot = Object(window).uPlot; // a classic script, not a module

const AWAY = { left: -10, top: -10 };
const HEIGHT_PX = 240, LOW_PX = 160, NARROW_PX = 480; // a lower chart on a phone, to leave room for the rest
const LABEL_PX = 75; // room for a label of the time axis
const HATCH_PX = 5; // between lines
const TOP_PADDING_PX = 8, RIGHT_PADDING_PX = 16, AXIS_PX = 13;
const RADIUS = 0.25; // of a bar's top corners, as a share of its width
const ROWS = [1, 2, 3, 4, 6, 7, 12, 14, 24, 30];
const VALUES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7];

/**
 * Colours by token. Each is read only once, because reading it makes the browser recalculate styles.
 * @type {Map<string, string>}
 */
const colors = new Map();

/** The colour of a token at `element`. @param {HTMLElement} element  @param {string} token */
function colorAt(element, token) {
  if (!colors.has(token)) {
    element.style.color = `var(${token})`;
    colors.set(token, getComputedStyle(element).color);
    element.style.color = "";
  }
  return colors.get(token) ?? "";
}

/** A hatched fill in two colours. @param {string} line  @param {string} ground */
function hatched(line, ground) {
  const tile = document.createElement("canvas"), context = tile.getContext("2d");
  if (!context) return line;
  const size = (tile.width = tile.height = Math.round(HATCH_PX * devicePixelRatio));
  Object.assign(context, { fillStyle: ground, strokeStyle: line, lineWidth: size / 3 });
  context.fillRect(0, 0, size, size);
  context.stroke(new Path2D(`M0 ${size}L${size} 0M${-size} ${size}L${size} ${-size}M0 ${2 * size}L${2 * size} 0`));
  return context.createPattern(tile, "repeat") ?? line;
}

/** @param {number | null | undefined} value */
const inWords = (value) => (typeof value === "number" ? written(value) : "–");

/** The line for a row of a list: one value per row of the table, oldest first.
 * @typedef {{name: string, values: (number | null)[]}} RowLine
 */

/** One chart: its figure, which contains a table, and its plot. */
class Chart {
  #figure;
  #place;
  #tooltip;
  #table;
  /** @type {uPlot | undefined} */ #plot;
  /** @type {RowLine | null} */ #line = null;
  #pointed = -1; // the row below the pointer
  #resizes = offered(() => new ResizeObserver(() => this.#resize()), null);

  /** @param {HTMLElement} figure  @param {boolean} isOpen  whether its table is open */
  constructor(figure, isOpen) {
    figure.classList.add("drawn");
    this.#figure = figure;
    showTable(figure, isOpen);
    this.#place = /** @type {HTMLElement} */ (figure.querySelector(".plot"));
    this.#table = readTable(figure);
    this.#tooltip = new ChartTooltip(this.#place, {
      read: (row) => this.#inWords(row),
      point: (row) => this.#plot?.setCursor({ left: this.#plot.valToPos(row, "x"), top: 0 }),
      leave: () => this.#plot?.setCursor(AWAY),
      choose: (row) => this.#table.links[row]?.click(),
    });
    this.#resizes?.observe(this.#place);
  }

  #resize() {
    if (this.#place.clientWidth !== this.#plot?.width) this.#plot?.setSize(this.#size());
  }

  /** Call this after the figure was removed from the page. */
  end() {
    this.#resizes?.disconnect();
    this.#plot?.destroy();
  }

  draw(scheme = "") {
    this.#place.style.colorScheme = scheme;
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(), layers(this.#table), this.#place);
    this.#updateTexts();
  }

  update() {
    this.#table = readTable(this.#figure);
    this.#plot?.setData(layers(this.#table));
    this.#updateTexts();
  }

  /** Draws the line for a row of a list; null removes it. @param {RowLine | null} line */
  show(line) {
    this.#line = line;
    const name = /** @type {HTMLElement} */ (this.#figure.querySelector(".row-name"));
    name.textContent = line?.name ?? "";
    name.hidden = !line;
    this.#plot?.redraw(false);
    if (this.#plot) this.#follow(this.#plot); // the tooltip shows its value
  }

  /** Updates everything around the plot. */
  #updateTexts() {
    this.#tooltip.limit(this.#table.titles.length);
    this.#figure.classList.toggle("without-values", ![...this.#table.values, ...this.#table.compared].some(Boolean));
  }

  /** @param {number} row  @returns {import("./chart-tooltip.js").Reading} */
  #inWords(row) {
    const { titles, name, values, compared, comparedDays, changes } = this.#table;
    /** @type {import("./chart-tooltip.js").Reading["lines"]} */
    const lines = [{ name, value: inWords(values[row]), series: "1" }];
    if (comparedDays[row]) {
      lines.push({ name: comparedDays[row], value: inWords(compared[row]), series: "compared" });
      lines.push({ name: this.#figure.dataset.difference ?? "", value: changes[row].shown, spoken: changes[row].spoken, series: "0" });
    }
    if (this.#line) lines.push({ name: this.#line.name, value: inWords(this.#line.values[row]), series: "row" });
    return { title: titles[row] ?? "", lines };
  }

  /** @param {uPlot} plot */
  #follow({ cursor: { idx, left = -1 }, over }) {
    const row = left < 0 || typeof idx !== "number" ? -1 : idx;
    if (row < 0) this.#tooltip.hide();
    else this.#tooltip.show(row, over.offsetLeft + left, this.#place.offsetTop + over.offsetTop);
    if (row === this.#pointed) return;
    this.#pointed = row;
    this.#plot?.redraw(false);
  }

  #size() {
    return { width: this.#place.clientWidth, height: this.#place.clientWidth < NARROW_PX ? LOW_PX : HEIGHT_PX };
  }

  /** @returns {uPlot.Options} */
  #options() {
    return {
      ...this.#size(),
      padding: [TOP_PADDING_PX, RIGHT_PADDING_PX, null, null],
      scales: { x: { time: false, range: (_, least, most) => [least - 0.5, most + 0.5] }, y: { range: () => [0, 1.1 * Math.max(1, ...this.#table.values.map(Number), ...this.#table.compared.map(Number))] } },
      axes: this.#axes(),
      series: [{}, ...this.#series()],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      hooks: { drawAxes: [(plot) => this.#drawBehind(plot)], draw: [(plot) => this.#drawLine(plot)], setCursor: [(plot) => this.#follow(plot)] },
    };
  }

  /** @returns {uPlot.Axis[]} */
  #axes() {
    const axis = { stroke: colorAt(this.#place, "--quiet"), font: `${AXIS_PX}px ${getComputedStyle(this.#place).fontFamily}`, ticks: { show: false } };
    const size = this.#table.labels[0]?.includes(", ") ? 56 : 36; // for one or two lines of text
    return [
      { ...axis, size, space: LABEL_PX, incrs: ROWS, values: (_, rows) => rows.map((row, at) => this.#label(row, rows[at - 1])), grid: { show: false } },
      { ...axis, grid: { stroke: colorAt(this.#place, "--edge"), width: 1 }, incrs: VALUES, values: (_, values) => values.map(written), size: (_, values) => 20 + 8 * Math.max(0, ...(values ?? []).map((value) => value.length)) },
    ];
  }

  /**
   * The label of a row. An hour's label is its time, with the day on a second line if it has changed.
   * @param {number} row  @param {number} [before]
   */
  #label(row, before) {
    const [day, time] = (this.#table.labels[row] ?? "").split(", ");
    const isSameDay = before !== undefined && this.#table.labels[before]?.startsWith(`${day}, `);
    return time ? `${time}${isSameDay ? "" : `\n${day}`}` : day;
  }

  /** Two series: one for complete rows, one for incomplete rows. @returns {uPlot.Series[]} */
  #series() {
    const color = colorAt(this.#place, "--series");
    const bars = { paths: uPlot.paths.bars?.({ size: [this.#place.clientWidth < NARROW_PX ? 0.65 : 0.6, 48], radius: RADIUS }), points: { show: false }, width: 0 };
    return [{ ...bars, fill: color }, { ...bars, fill: hatched(color, colorAt(this.#place, "--raised")) }];
  }

  /** Draws a step for each compared period, behind the bars, and marks the row under the pointer. @param {uPlot} plot */
  #drawBehind({ ctx, bbox, valToPos }) {
    const bottom = bbox.top + bbox.height, edge = (/** @type {number} */ row) => Math.round(valToPos(row - 0.5, "x", true));
    const fill = (/** @type {string} */ token, /** @type {number} */ row, /** @type {number} */ top) => {
      ctx.fillStyle = colorAt(this.#place, token);
      ctx.fillRect(edge(row), top, edge(row + 1) - edge(row), bottom - top);
    };
    if (this.#pointed >= 0) fill("--sunken", this.#pointed, bbox.top);
    this.#table.compared.forEach((value, row) => fill("--tint", row, valToPos(value ?? 0, "y", true)));
  }

  /** Draws the line of a list row. @param {uPlot} plot */
  #drawLine({ ctx, bbox, valToPos }) {
    if (!this.#line) return;
    const path = new Path2D();
    this.#line.values.forEach((value, row) => path.lineTo(valToPos(row, "x", true), valToPos(value ?? 0, "y", true)));
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    Object.assign(ctx, { strokeStyle: colorAt(this.#place, "--ink"), lineWidth: 2 * devicePixelRatio, lineJoin: "round" });
    ctx.stroke(path);
    ctx.restore();
  }
}

/** Shows or hides the table of a chart, as its button says. @param {Element} figure  @param {boolean} isShown */
function showTable(figure, isShown) {
  /** @type {HTMLElement} */ (figure.querySelector(".scroll")).hidden = !isShown;
  const button = document.querySelector(`[data-table-of="${figure.id}"]`);
  button?.removeAttribute("hidden");
  button?.setAttribute("aria-expanded", String(isShown));
}

/** @param {Element} figure */
const isTableShown = (figure) => !figure.querySelector(".scroll[hidden]");

document.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-table-of]"));
  const figure = document.getElementById(button?.dataset.tableOf ?? "");
  if (!figure) return;
  showTable(figure, !isTableShown(figure));
  button?.closest("details")?.removeAttribute("open");
});

/** @type {Map<Element, Chart>} */
const charts = new Map();

/**
 * Prepares new figures and removes charts whose figures are gone. Open tables stay open.
 * @returns {Element[]} the new figures, still to be drawn
 */
function find() {
  if (!uPlot) return []; // the tables are shown
  const open = new Set();
  for (const [figure, chart] of charts) {
    if (figure.isConnected) continue;
    if (isTableShown(figure)) open.add(figure.id);
    chart.end();
    charts.delete(figure);
  }
  const figures = [...document.querySelectorAll("[data-chart]")].filter((figure) => !charts.has(figure));
  for (const figure of figures) charts.set(figure, new Chart(/** @type {HTMLElement} */ (figure), open.has(figure.id)));
  return figures;
}

/** While the page loads, draws each chart in its own task, because each takes some time on a phone. */
async function drawInTurn() {
  for (const figure of find()) {
    await new Promise((resolve) => setTimeout(resolve));
    charts.get(figure)?.draw();
  }
}

void drawInTurn();
document.addEventListener("replaced", (event) => {
  const figure = /** @type {Element} */ (event.target).closest("[data-chart]");
  if (figure) charts.get(figure)?.update();
  else for (const figure of find()) charts.get(figure)?.draw();
});

/** Dispatched by `reports/row-lines.js`. */
document.addEventListener("row-line", (event) => {
  const { figure, line } = /** @type {CustomEvent<{figure: Element, line: RowLine | null}>} */ (event).detail;
  charts.get(figure)?.show(line);
});

function redraw(scheme = "") {
  colors.clear();
  charts.forEach((chart) => chart.draw(scheme));
}

offered(() => matchMedia("(prefers-color-scheme: dark)"), null)?.addEventListener("change", () => redraw());
addEventListener("beforeprint", () => redraw("light")); // on paper, which is white
addEventListener("afterprint", () => redraw());
