/** Helpers shared by page scripts: find and make elements, read embedded JSON, write text. */

const ANNOUNCE_MS = 15_000;

/**
 * What the browser offers, or else `instead`: some leave out or forbid parts of the platform.
 * @template T  @param {() => T} get  @param {any} instead  @returns {T}
 */
export function offered(get, instead) {
  try {
    return get() ?? instead;
  } catch {
    return instead;
  }
}

/** Whether the visitor prefers pages that do not move, in `matches`. */
export const still = offered(() => matchMedia("(prefers-reduced-motion: reduce)"), { matches: true });

/** @param {string} selector */
export const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));

/** @param {string} id  of an element that contains JSON  @returns {any} null if there is no such element */
export const readJson = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");

/** @param {Element} element  @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text; // a screen reader announces every write
}

/** @param {string} tag  @param {Record<string, string>} [attributes]  @param {(Node | string)[]} children */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Shows the connection status, as text and as the colour of its dot. @param {string} state  @param {string} words */
export function showLine(state, words) {
  if (state === "connecting") return; // keep the server's text, which has the time of the stats
  const line = find("[data-line]");
  line.dataset.line = state;
  write(line, words);
}

/** Announces the status to screen readers, at most once every ANNOUNCE_MS. */
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
