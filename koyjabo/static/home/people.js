/** The locations with the most active visitors, and the number of visitors elsewhere. */

import { written } from "../webkit/figures.js";
import { find, readJson } from "../webkit/page.js";
import { placeName } from "../webkit/places.js";

const FEWEST = 2, LINES = 4; // as in site/home/home_view.py

const list = find("[data-places]");
const row = /** @type {HTMLTemplateElement} */ (find("#place")).content;

/** @param {import("../counting/koyjabo.js").Stats["locations"]} locations */
export function showPlaces(locations) {
  const places = Object.entries(locations).sort(([, { count }], [, other]) => other.count - count); // "Unknown" comes last
  const shown = places.length > LINES ? LINES - 1 : LINES, others = places.slice(shown);
  const lines = places.slice(0, shown).map(([name, { count }]) => line(placeName(name), count));
  if (others.length) {
    const people = others.reduce((sum, [, { count }]) => sum + count, 0);
    lines.push(line(readJson("phrases").others.replace("{places}", written(others.length)), people, "quiet"));
  }
  list.replaceChildren(...lines);
  /** @type {HTMLElement} */ (list.closest("section")).hidden = places.filter(([name]) => name !== "Unknown").length < FEWEST;
}

/** @param {string} name  @param {number} count */
function line(name, count, kind = "") {
  const element = /** @type {Element} */ (row.firstElementChild?.cloneNode(true)), [label, data] = element.children;
  element.className = kind;
  label.textContent = name;
  Object.assign(data, { value: String(count), textContent: written(count) });
  return element;
}
