/** What the scripts of several pages do: find parts of the page, read what it tells them, and write into it. */

const ANNOUNCE_MS = 15_000;

/** @param {string} selector */
export const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));

/** @param {string} id  of a block of JSON  @returns {any} null where there is none */
export const told = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");

/** @param {HTMLElement} element  @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text; // what has not changed is not announced again
}

/** The state of the line, in words and by the colour of its dot. @param {string} state  @param {string} words */
export function showLine(state, words) {
  if (state === "connecting") return; // the server has written as of when the numbers are
  const line = find("[data-line]");
  line.dataset.line = state;
  write(line, words);
}

/** Tells those who hear the page how things stand: now and then, and not each number whenever it changes. */
export class Announcer {
  #element = find("[data-announcement]");
  #words = "";
  #timer = 0;

  /** @param {string} words */
  show(words) {
    if (this.#words && words !== this.#words) this.#timer ||= setTimeout(() => this.#say(), ANNOUNCE_MS);
    this.#words = words;
  }

  #say() {
    this.#timer = 0;
    write(this.#element, this.#words);
  }
}
