/** Keeps parts of a page as the server would write them now, without a reload. */

const REST_MS = 4_000;
const ANSWER_LIMIT_MS = 20_000;

/** A page that nobody looks at may be as old as it likes. */
export async function isLookedAt() {
  if (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

/** After a refused action the browser stands at the address of the action, which is none of a page. */
const address = () => document.querySelector("main")?.dataset.address || location.href;

/** Asks for the page anew and takes over each `[data-live]` part, found by its id. */
export class LivePage {
  #asked = false;
  #busy = false;

  /** Soon, and at most every few seconds however often this is called; the last call is never lost. */
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
      // The line is down; whoever called calls again when something changes.
    }
  }
}

/** @param {Document} newer */
function replaceParts(newer) {
  for (const part of document.querySelectorAll("[data-live][id]")) {
    const now = newer.getElementById(part.id);
    if (!now || now.isEqualNode(part) || part.contains(document.activeElement)) continue; // nobody loses their place
    part.replaceChildren(...now.childNodes); // what is in it, so that it stays scrolled as it is
    part.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  }
}
