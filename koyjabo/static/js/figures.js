/** Updates the numbers of a page, in elements with `data-stat`. */

const ROLL = { duration: 400, easing: "ease-out" };
export const locale = document.documentElement.lang === "bn" ? "bn-BD" : "en";
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {number} number  @returns {string} in the digits and format of the page's language */
export function written(number) {
  return number.toLocaleString(locale);
}

/** One number. Digits that change roll; between rolls the element has only text. */
class Figure {
  #element;
  #shown;
  #newest;
  #rolling = false;

  /** @param {HTMLElement} element  with the number it shows in `data-value` */
  constructor(element) {
    this.#element = element;
    this.#shown = this.#newest = Number(element.dataset.value);
  }

  /** A change during a roll waits for its end, because numbers that change constantly would flicker.
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
  span.dataset.old = old; // shown by the style sheet, so that it is not part of the text
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

  /** @param {object} stats  numbers by name; those without an element are ignored */
  show(stats) {
    const numbers = new Map(Object.entries(stats));
    for (const [name, figure] of this.#figures) if (numbers.has(name)) figure.show(numbers.get(name));
  }
}
