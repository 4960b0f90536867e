/** Updates parts of a page from the server, without a reload. */

const REST_MS = 4_000;
const ANSWER_LIMIT_MS = 20_000;

/** Waits until the page is visible. */
export async function isLookedAt() {
  if (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

/** After a refused action, the address is that of the action; `data-address` has that of the page. */
const address = () => document.querySelector("main")?.dataset.address || location.href;

/** Requests the page again and replaces each `[data-live]` part, by its id. */
export class LivePage {
  #asked = false;
  #busy = false;

  /** Refresh soon, at most every REST_MS. There is always a refresh after the last call. */
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
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
    this.#busy = false;
  }

  async #take() {
    try {
      const signal = AbortSignal.timeout?.(ANSWER_LIMIT_MS);
      const response = await fetch(address(), { headers: { Accept: "text/html" }, signal });
      if (response.redirected) location.assign(response.url); // the session has ended
      else if (response.ok) replaceParts(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      // The server cannot be reached; the next change leads to the next call.
    }
  }
}

/** @param {Document} newer */
function replaceParts(newer) {
  for (const part of document.querySelectorAll("[data-live][id]")) {
    const now = newer.getElementById(part.id);
    if (!now || now.isEqualNode(part) || part.contains(document.activeElement)) continue; // the focus must not be lost
    part.replaceChildren(...now.childNodes); // only the contents, so that it stays scrolled
    part.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  }
}
