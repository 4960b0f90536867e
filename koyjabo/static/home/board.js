/**
 * The total as a departure board, with a flipping tile per digit. It repeats an <output> that has the number as text.
 */

import { find, make } from "../webkit/page.js";

const FALL_MS = 170; // of each half
const STAGGER_MS = 35; // between digits
const TOP = "top", BOTTOM = "bottom";

export class Board {
  #element = find("[data-board]");

  /** @param {string} text */
  write(text) {
    const tiles = this.#element.children;
    if (tiles.length === text.length) [...text].forEach((sign, at) => shown(tiles[at], sign));
    else this.#element.replaceChildren(...Array.from(text, tile));
  }

  /** Flip the digits that differ, one after another. @param {string} from  @param {string} to  same length as `from` */
  async flip(from, to) {
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
