/** Updates parts of a page from the server, without a reload. */

import { connection } from "./connection.js";

const REST_MS = 4_000;
const ANSWER_LIMIT_MS = 20_000;

/** Waits until the page is visible. */
export async function isLookedAt() {
  if (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

/** The URL of the page, in `data-address` if `location` is the URL of a refused action. */
const address = () => document.querySelector("main")?.dataset.address || location.href;

/** Requests the page again and replaces its `[data-live]` parts, by id. */
export class LivePage {
  #address;
  #rest_ms;
  #shown;
  #asked = false;
  #busy = false;

  /**
   * @param {() => string} [from]  the URL to request; "" requests nothing
   * @param {number} [rest_ms]  minimum time between two requests
   * @param {() => string} [shown]  the URL of the page shown, if only parts of it are requested
   */
  constructor(from = address, rest_ms = REST_MS, shown = from) {
    this.#address = from;
    this.#rest_ms = rest_ms;
    this.#shown = shown;
  }

  /** Refreshes soon, at most once every `rest_ms`, and always once after the last call. */
  refresh() {
    this.#asked = true;
    if (!this.#busy) void this.#work();
  }

  async #work() {
    this.#busy = true;
    while (this.#asked) {
      await isLookedAt();
      this.#asked = false;
      await this.#take();
      await new Promise((resolve) => setTimeout(resolve, this.#rest_ms));
    }
    this.#busy = false;
  }

  async #take() {
    try {
      const signal = AbortSignal.timeout?.(ANSWER_LIMIT_MS), shown = this.#shown(), url = this.#address();
      if (!url) return;
      const response = await fetch(url, { headers: { Accept: "text/html", "X-Requested-With": "fetch" }, signal });
      if (response.ok) connection.heard();
      if (response.redirected) return location.assign(response.url); // the session has ended
      const text = await response.text();
      if (shown !== this.#shown()) this.#asked = true; // the page shows another view now
      else if (response.ok) replaceParts(new DOMParser().parseFromString(text, "text/html"));
    } catch {
      connection.doubt(); // so that the next change makes the next call
    }
  }
}

/**
 * Replaces parts of the page with the same parts of a newer copy. First dispatches `answered`, so that a page that
 * already has newer numbers can write them into the copy. @param {Document} newer
 */
export function replaceParts(newer) {
  document.dispatchEvent(new CustomEvent("answered", { detail: newer }));
  for (const part of document.querySelectorAll("[data-live][id]")) {
    const now = newer.getElementById(part.id);
    for (const open of now ? part.querySelectorAll("details[open][id]") : []) now?.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    if (!now || now.isEqualNode(part) || part.contains(document.activeElement)) continue; // or the focus would be lost
    part.replaceChildren(...now.childNodes); // only the contents, to keep the scroll position
    part.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  }
}
