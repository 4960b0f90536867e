/** Writes a report as text, from what the page shows: its days, filters and visits, and the first page and source. */

import { written } from "../webkit/figures.js";

/** The cards whose first row is copied, if it has a name. A hidden card has none. */
const CARDS = ["#insights-pages", "#insights-sources"];

/** @param {Element | null | undefined} element */
const words = (element) => element?.textContent?.replace(/\s+/g, " ").trim() ?? "";

/**
 * @param {HTMLElement} root  the root element of Insights  @param {string} name  what the visits are of
 * @returns {string} lines, without addresses of pages to open
 */
export function asText(root, name) {
  const filters = /** @type {HTMLElement | null} */ (root.querySelector(".chips"))?.dataset.said;
  const lines = [name, words(root.querySelector("#insights-words")), filters, visits(root)];
  for (const card of CARDS) {
    const parts = ["thead th", "tbody tr:not(.quiet) a", "tbody tr:not(.quiet) td"];
    const [label, first, number] = parts.map((part) => words(root.querySelector(`${card} ${part}`)));
    if (first) lines.push(`${label}: ${first} (${number})`);
  }
  return lines.filter(Boolean).join("\n");
}

/** @param {HTMLElement} root */
function visits(root) {
  const figure = root.querySelector("[data-cell='figures.visits']");
  const output = /** @type {HTMLElement | null | undefined} */ (figure?.querySelector("output[data-value]"));
  const change = figure?.querySelector(".change")?.cloneNode(true);
  if (!figure || !output) return ""; // still being counted
  if (change instanceof Element) change.querySelector("[aria-hidden]:not(svg)")?.remove();
  const number = `${words(figure.querySelector("h3"))}: ${written(Number(output.dataset.value))}`;
  return change ? `${number} (${words(/** @type {Element} */ (change))})` : number;
}
