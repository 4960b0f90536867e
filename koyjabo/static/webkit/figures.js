/** Updates the numbers of a page, in elements with `data-stat`. */

import { still } from "./page.js";

const ROLL = { duration: 400, easing: "ease-out" };
const REST_MS = 600; // from the end of a roll to the beginning of the next
const MAX_ROLLS = 2; // updates within COUNT_MS; if there are more, the number counts up without rolling
const COUNT_MS = 1_000;
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

/** @param {number} ms */
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Shows a number in place of its element.
 * @typedef {{write: (text: string) => void, flip: (from: string, to: string) => Promise<void>}} Board
 */

/** A number. Changed digits roll; between rolls the element contains only text. */
class Figure {
  #element;
  #board;
  #shown;
  #newest;
  #isBusy = false; // rolling, or resting after a roll
  #isRolling = false;
  /** @type {number[]} */ #updates = []; // times of the last ones, by performance.now()

  /** @param {HTMLElement} element  with its number in `data-value`  @param {Board} [board] */
  constructor(element, board) {
    this.#element = element;
    this.#board = board;
    this.#shown = this.#newest = Number(element.dataset.value);
  }

  /** A change during a roll waits until the roll has ended.
   * @param {number} number
   */
  async show(number) {
    if (number === this.#newest) return;
    this.#newest = number;
    this.#element.dataset.value = String(number);
    if (this.#comeFast()) this.#isRolling || this.#write();
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#shown !== this.#newest) await this.#roll();
    this.#isBusy = false;
  }

  /** Whether updates are too frequent to roll. */
  #comeFast() {
    const now = performance.now();
    this.#updates = [...this.#updates.slice(-MAX_ROLLS), now];
    return this.#updates.length > MAX_ROLLS && now - this.#updates[0] < COUNT_MS;
  }

  async #roll() {
    const [from, to] = [written(this.#shown), written(this.#newest)];
    const direction = this.#newest > this.#shown ? 1 : -1;
    const rolls = !still.matches && from.length === to.length;
    this.#shown = this.#newest;
    if (rolls) await this.#animate(from, to, direction);
    this.#put(to);
    if (rolls) await rest(REST_MS);
  }

  #write() {
    this.#shown = this.#newest;
    this.#put(written(this.#shown));
  }

  /** @param {string} text */
  #put(text) {
    put(this.#element, text);
    this.#board?.write(text);
  }

  /** @param {string} from  @param {string} to  as long as `from`  @param {1 | -1} direction */
  async #animate(from, to, direction) {
    this.#isRolling = true;
    if (this.#board) {
      put(this.#element, to);
      await this.#board.flip(from, to);
    } else {
      const digits = Array.from(to, (digit, at) => (digit === from[at] ? digit : rolling(digit, from[at], direction)));
      this.#element.replaceChildren(...digits);
      await Promise.allSettled(this.#element.getAnimations({ subtree: true }).map(({ finished }) => finished));
    }
    this.#isRolling = false;
  }
}

/** @param {HTMLElement} element  @param {string} text */
function put(element, text) {
  element.textContent = text;
  element.dataset.length = String(LENGTHS.find((most) => text.length <= most) ?? "most");
}

/**
 * Shows a number without rolling, because other numbers on the page change at the same moment.
 * @param {HTMLElement} element  @param {number} number  @param {string} text  the number as shown
 */
export function showNumber(element, number, text = written(number)) {
  if (element.dataset.value === String(number)) return;
  element.dataset.value = String(number);
  put(element, text);
}

/** @param {string} digit  @param {string} old  @param {1 | -1} direction */
function rolling(digit, old, direction) {
  const box = document.createElement("span"), sign = document.createElement("b");
  box.className = direction > 0 ? "rolling up" : "rolling down"; // clips the digit, and does not move itself
  sign.textContent = digit;
  sign.dataset.old = old; // shown by the style sheet, so that screen readers do not read it
  sign.animate({ transform: [`translateY(${direction * 100}%)`, "none"] }, ROLL);
  box.append(sign);
  return box;
}

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
