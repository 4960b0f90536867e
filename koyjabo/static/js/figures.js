/** Numbers of a page, by the `data-stat` of the elements that show them. */

const ROLL = { duration: 400, easing: "ease-out" };
export const locale = document.documentElement.lang === "bn" ? "bn-BD" : "en";
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {number} number  @returns {string} as the language of the page writes it */
export function written(number) {
  return number.toLocaleString(locale);
}

/** One of them. Digits that change roll; between rolls it is nothing but text. */
class Figure {
  #element;
  #shown;
  #newest;
  #rolling = false;

  /** @param {HTMLElement} element  with what it shows as `data-value` */
  constructor(element) {
    this.#element = element;
    this.#shown = this.#newest = Number(element.dataset.value);
  }

  /** What comes during a roll waits for its end: numbers that change all the time would flicker.
   * @param {number} number
   */
  async show(number) {
    this.#newest = number;
    if (this.#rolling) return;
    this.#rolling = true;
    while (this.#shown !== this.#newest) await this.#rollTo(this.#newest);
    this.#rolling = false;
  }

  /** @param {number} number */
  async #rollTo(number) {
    const [from, to] = [written(this.#shown), written(number)];
    const direction = number > this.#shown ? 1 : -1;
    this.#shown = number;
    if (!still.matches && from.length === to.length) await this.#animate(from, to, direction);
    this.#element.textContent = to;
  }

  /** @param {string} from  @param {string} to  of the same length  @param {1 | -1} direction */
  async #animate(from, to, direction) {
    const digits = Array.from(to, (digit, at) => (digit === from[at] ? digit : rolling(digit, from[at], direction)));
    this.#element.replaceChildren(...digits);
    const animations = this.#element.getAnimations({ subtree: true });
    await Promise.allSettled(animations.map((animation) => animation.finished));
  }
}

/** @param {string} digit  @param {string} old  @param {1 | -1} direction */
function rolling(digit, old, direction) {
  const span = document.createElement("span");
  span.className = direction > 0 ? "rolling up" : "rolling down";
  span.textContent = digit;
  span.dataset.old = old; // shown by the style sheet, so that it is no part of the text
  span.animate({ transform: [`translateY(${direction * 100}%)`, "none"] }, ROLL);
  return span;
}

/** All figures of a page. */
export class Figures {
  /** @type {[string, Figure][]} */
  #figures;

  /** @param {ParentNode} [part] */
  constructor(part = document) {
    const elements = /** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll("[data-stat]"));
    this.#figures = Array.from(elements, (element) => [element.dataset.stat ?? "", new Figure(element)]);
  }

  /** @param {object} stats  numbers by name; those that the page does not show are left out */
  show(stats) {
    const numbers = new Map(Object.entries(stats));
    for (const [name, figure] of this.#figures) if (numbers.has(name)) figure.show(numbers.get(name));
  }
}
