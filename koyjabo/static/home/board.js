/**
 * The total as a departure board, with a flipping tile per digit. It repeats an <output> that has the number as text.
 */

import { find, make, still } from "../webkit/page.js";

const FALL_MS = 170; // of each half
const STAGGER_MS = 35; // between digits
const REST_MS = 600; // from the end of a flip to the beginning of the next
const MAX_FLIPS = 2; // changes within COUNT_MS; if there are more, the number counts up without flipping
const COUNT_MS = 1_000;
const TOP = "top", BOTTOM = "bottom";

export class Board {
  #element = find("[data-board]");
  #shown = this.#element.textContent ?? "";
  #newest = this.#shown;
  #isBusy = false; // flipping, or resting after a flip
  #isFlipping = false;
  /** @type {number[]} */ #changes = []; // times of the last ones, by performance.now()

  /** A change during a flip waits until the flip has ended. @param {string} text */
  async show(text) {
    if (text === this.#newest) return;
    this.#newest = text;
    if (this.#comeFast() && !this.#isFlipping) this.#write();
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#shown !== this.#newest) await this.#change();
    this.#isBusy = false;
  }

  /** Whether changes are too frequent to flip. */
  #comeFast() {
    const now = performance.now();
    this.#changes = [...this.#changes.slice(-MAX_FLIPS), now];
    return this.#changes.length > MAX_FLIPS && now - this.#changes[0] < COUNT_MS;
  }

  async #change() {
    const from = this.#shown, to = this.#newest;
    if (still.matches || from.length !== to.length) return this.#write();
    this.#isFlipping = true;
    await this.#flip(from, to);
    this.#isFlipping = false;
    this.#write(to);
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }

  #write(text = this.#newest) {
    this.#shown = text;
    const tiles = this.#element.children;
    if (tiles.length === text.length) [...text].forEach((sign, at) => shown(tiles[at], sign));
    else this.#element.replaceChildren(...Array.from(text, tile));
  }

  /** Flip the digits that differ, one after another. @param {string} from  @param {string} to  same length as `from` */
  async #flip(from, to) {
    const changed = [...to].map((sign, at) => ({ tile: this.#element.children[at], old: from[at], sign })).filter(({ old, sign }) => old !== sign);
    await Promise.allSettled(changed.map(({ tile, old, sign }, at) => flip(tile, old, sign, at * STAGGER_MS)));
  }
}

/** @param {string} sign */
function tile(sign) {
  return make("span", /\p{Nd}/u.test(sign) ? {} : { class: "comma" }, half(sign));
}

/** @param {string} sign  @param {string} [side]  both halves if omitted */
function half(sign, side = "") {
  return make("b", { class: side }, sign);
}

/** @param {Element} tile  @param {string} sign */
function shown(tile, sign) {
  if (tile.textContent !== sign) tile.replaceChildren(half(sign));
}

/**
 * Flip a tile: the old digit's upper half falls, showing the new digit's lower half on its back.
 * @param {Element} tile  @param {string} old  @param {string} sign  @param {number} delay  in ms
 */
async function flip(tile, old, sign, delay) {
  const front = half(old, TOP), back = half(sign, BOTTOM);
  tile.replaceChildren(half(sign), half(old, BOTTOM), front, back);
  const falls = { duration: FALL_MS, delay, fill: /** @type {const} */ ("both"), easing: "ease-in" };
  front.animate({ transform: ["none", "rotateX(-90deg)"] }, falls);
  const lands = { ...falls, delay: delay + FALL_MS, easing: "cubic-bezier(.3, 1.5, .6, 1)" };
  await back.animate({ transform: ["rotateX(90deg)", "none"] }, lands).finished;
  tile.replaceChildren(half(sign));
}
