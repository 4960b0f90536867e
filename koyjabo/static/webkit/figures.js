/** Updates the numbers of a page, in elements with `data-stat`. */

import { make, still } from "./page.js";

const CALM_MS = 500; // from a change to the next one that fades
const LENGTHS = [7, 10, 13]; // the font size changes at these lengths, in characters, as in webkit/figures.html
export const locale = document.documentElement.lang === "bn" ? "bn-BD" : "en";
/** Text for ages below JUST_NOW_S, so that the text does not change every second. */
export const justNow = locale === "en" ? "just now" : "এইমাত্র";
export const JUST_NOW_S = 5;
const UNITS = locale === "en" ? ["h", "m", "s"] : ["ঘ", "মি", "সে"];

/** @param {number} number  @returns {string} in the digits and format of the page's language */
export function written(number) {
  return number.toLocaleString(locale);
}

/** @param {number} seconds  @returns {string} in the two largest units, like `i18n.spent` */
export function spent(seconds) {
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const first = seconds >= 3_600 ? 0 : seconds >= 60 ? 1 : 2;
  const words = parts.map((number, at) => (number || at === first ? `${written(number)} ${UNITS[at]}` : ""));
  return words.slice(first, first + 2).filter(Boolean).join(" ");
}

/**
 * Shows a number in place of its element.
 * @typedef {{show: (text: string) => void}} Board
 */

/** A number. Changed digits fade, unless changes are frequent. Its text is always the newest number. */
class Figure {
  #element;
  #board;
  #changedMs = -CALM_MS; // time of the last change, by performance.now()

  /** @param {HTMLElement} element  with its number in `data-value`  @param {Board} [board] */
  constructor(element, board) {
    this.#element = element;
    this.#board = board;
    element.addEventListener("animationend", () => put(element, element.textContent ?? ""));
  }

  /** @param {number} number */
  show(number) {
    if (this.#element.dataset.value === String(number)) return;
    const old = this.#element.textContent ?? "", now = performance.now(), isCalm = now - this.#changedMs >= CALM_MS;
    this.#changedMs = now;
    showNumber(this.#element, number);
    const text = written(number);
    if (this.#board) this.#board.show(text);
    else if (isCalm && !still.matches && old.length === text.length) this.#element.replaceChildren(...Array.from(text, (sign, at) => (sign === old[at] ? sign : fading(sign, old[at]))));
  }
}

/** @param {HTMLElement} element  @param {string} text */
function put(element, text) {
  element.textContent = text;
  element.dataset.length = String(LENGTHS.find((most) => text.length <= most) ?? "most");
}

/**
 * Shows a number without a fade, because other numbers on the page change at the same moment.
 * @param {HTMLElement} element  @param {number} number  @param {string} text  the number as shown
 */
export function showNumber(element, number, text = written(number)) {
  if (element.dataset.value === String(number)) return;
  element.dataset.value = String(number);
  put(element, text);
}

/** A digit that fades in while the style sheet fades out the old one in its place. @param {string} digit  @param {string} old */
const fading = (digit, old) => make("span", { class: "changed", "data-old": old }, make("b", {}, digit));

/** All numbers of a page. */
export class Figures {
  /** @type {[string, Figure][]} */
  #figures;

  /** @param {ParentNode} [part]  @param {Record<string, Board>} [boards]  by the names of their numbers */
  constructor(part = document, boards = {}) {
    const elements = /** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll("[data-stat]"));
    this.#figures = Array.from(elements, (element) => [element.dataset.stat ?? "", new Figure(element, boards[element.dataset.stat ?? ""])]);
  }

  /** @param {object} stats  numbers by name; those without an element are ignored */
  show(stats) {
    const numbers = new Map(Object.entries(stats));
    for (const [name, figure] of this.#figures) if (numbers.has(name)) figure.show(numbers.get(name));
  }
}
