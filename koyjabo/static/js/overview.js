/** Overview follows each visit by the line of the panel: the running period of its chart, and the figure that it adds up
 * to. Everything else is read again once a minute.
 */

import { written } from "./figures.js";
import { refresh, showNumbers } from "./insights/insights.js";
import { find } from "./page.js";
import { panel } from "./panel-line.js";

/** @typedef {import("./panel-line.js").PanelUpdate} PanelUpdate */

const REST_MS = 60_000;
/** The line sends two numbers of a period: its first visits of new visitors, and its others. */
const CHARTED = { visits: (/** @type {number[]} */ [first, others]) => first + others, new_visitors: (/** @type {number[]} */ [first]) => first };

let timer = 0;
/** The latest numbers of the line, by step and beginning. @type {Record<string, Record<string, number[] | null>>} */
let told = {};

function refreshLater() {
  timer ||= setTimeout(() => {
    timer = 0;
    refresh();
  }, REST_MS);
}

/** @param {PanelUpdate} event */
function show({ whole, hours = {}, days = {} }) {
  told = whole ? { hour: hours, day: days } : { hour: { ...told.hour, ...hours }, day: { ...told.day, ...days } };
  if (!put(document, whole) && !whole) return refresh(); // another period has begun
  showSum();
}

/** Shows the sum of the chart as its figure. */
function showSum() {
  const { chart, name, metric } = charted(document);
  if (!metric) return;
  chart?.querySelector("tbody")?.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  showNumbers({ [name]: sum(document) });
}

/** Puts the line's numbers into a page. A period only grows within one count, so the larger of two numbers is the newer one.
 * @param {Document} page  @param {boolean} [isOther]  whether it may be another count
 * @returns {boolean} whether the page has these periods
 */
function put(page, isOther = false) {
  const { chart, metric, step } = charted(page);
  const periods = metric ? Object.entries(told[step] ?? {}) : [];
  return periods.every(([begins, numbers]) => {
    if (!numbers || !metric) return true;
    const cell = chart?.querySelector(`[data-at="${CSS.escape(begins)}"]`)?.parentElement?.querySelector("[data-value]");
    const value = metric(numbers);
    if (cell && (isOther || value > Number(cell.getAttribute("data-value")))) write(cell, value);
    return Boolean(cell);
  });
}

/** The chart of a page, and its figure if the line tells of it. @param {Document} page */
function charted(page) {
  const chart = /** @type {HTMLElement | null} */ (page.querySelector("#insights-periods"));
  const output = /** @type {HTMLElement | null} */ (page.querySelector("#insights-figures [data-chosen] output"));
  const isTold = find("#insights-head[data-today]") && !find("#insights-head .chips");
  const name = output?.dataset.stat ?? "", metric = isTold ? CHARTED[/** @type {keyof CHARTED} */ (name)] : undefined;
  return { chart, name, metric, step: chart?.dataset.step ?? "" };
}

/** Of the periods of a page. @param {Document} page */
function sum(page) {
  return [...page.querySelectorAll("#insights-periods [data-value]")].reduce((all, cell) => all + Number(cell.getAttribute("data-value")), 0);
}

/** @param {Element} element  @param {number} value */
function write(element, value) {
  element.setAttribute("data-value", String(value));
  element.textContent = written(value);
}

panel.addEventListener("update", (event) => {
  const { detail } = /** @type {CustomEvent} */ (event);
  if (!find("#insights-head[data-today]")) return;
  if (detail.hours || detail.days) show(detail);
  if (!detail.whole) refreshLater();
});
panel.addEventListener("polled", refresh);

/** An answer may be older than the numbers that have come meanwhile. */
document.addEventListener("answered", (event) => {
  const answer = /** @type {Document} */ (/** @type {CustomEvent} */ (event).detail);
  const { name, metric } = charted(answer), numbers = answer.getElementById("insights-numbers"), before = sum(answer);
  put(answer);
  if (!metric || !numbers) return;
  const found = JSON.parse(numbers.textContent ?? "{}");
  numbers.textContent = JSON.stringify({ ...found, [name]: found[name] + sum(answer) - before });
});
find("[data-insights]").addEventListener("replaced", (event) => {
  if (event.target !== event.currentTarget) return; // another view
  put(document);
  showSum();
});
