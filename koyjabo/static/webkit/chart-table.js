/** Reads a chart's table and stacks its columns for uPlot. */

/** @typedef {import("../vendor/uPlot.js")} uPlot */

/**
 * A table, oldest row first. Per row: its label, title, link and note, and for the period it is compared with, the
 * value, the day, and the difference as shown and as spoken. Per series: the values of the rows, and their sums with
 * the series below. `incomplete` marks rows that are not over yet or only partly in the range. Unknown values are null.
 * @typedef {object} Table
 * @property {string[]} labels
 * @property {string[]} titles
 * @property {(HTMLAnchorElement | null)[]} links
 * @property {string[]} notes
 * @property {string[]} names
 * @property {(number | null)[][]} values
 * @property {number[][]} sums
 * @property {(number | null)[]} compared  empty if there is no comparison
 * @property {(number | null)[]} line  `compared` without the current row, whose comparison covers only the hours so
 * far and would make the line drop
 * @property {string[]} comparedDays
 * @property {{shown: string, spoken: string}[]} changes
 * @property {boolean[]} incomplete
 */

const ARROWS = { up: "▲ ", down: "▼ " };

/** @param {HTMLElement} figure  @returns {Table} */
export function readTable(figure) {
  const names = texts(figure.querySelectorAll("thead [data-series]"));
  const periods = [.../** @type {NodeListOf<HTMLElement>} */ (figure.querySelectorAll("tbody [data-at]"))].reverse();
  const rows = periods.map((cell) => numbers(cell, "data-value"));
  const values = names.map((_, series) => rows.map((row) => row[series] ?? null));
  const sums = names.map((_, series) => rows.map((row) => total(row.slice(0, series + 1))));
  const compared = periods.flatMap((cell) => numbers(cell, "data-compared"));
  return {
    labels: texts(periods.map((cell) => cell.childNodes[0])).map((text, at) => periods[at].dataset.label ?? text),
    titles: texts(periods),
    links: periods.map((cell) => cell.querySelector("a")),
    notes: periods.map((cell) => cellsOfRow(cell, "data-note")[0]?.textContent ?? ""),
    names, values, sums,
    compared,
    line: compared.map((value, row) => (periods[row].querySelector("[data-running]") ? null : value)),
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

/** @param {(number | null)[]} numbers */
export const total = (numbers) => numbers.reduce((/** @type {number} */ sum, number) => sum + (number ?? 0), 0);

/**
 * The data for uPlot: the sums, highest first, because each bar covers the lower part of the previous one. Incomplete
 * rows have their own series, because uPlot uses one fill per series. The comparison line comes last, drawn over its
 * halo.
 * @param {Table} table  @returns {uPlot.AlignedData}
 */
export function layers({ labels, sums, line, incomplete }) {
  const bars = sums.map((sum) => sum.map((number) => number || null)); // a bar of 0 would cover the axis
  const split = bars.map((column) => [column.map((sum, at) => (incomplete[at] ? null : sum)), column.map((sum, at) => (incomplete[at] ? sum : null))]);
  return [labels.map((_, at) => at), ...split.reverse().flat(), ...(line.length ? [line, line] : [])];
}
