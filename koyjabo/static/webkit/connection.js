/** On every page, shows when the server stops responding, and how old the page is. */

const QUIET_MS = 4_000; // after this time without a message, ask the server
const REST_MS = 2_000; // between two requests, even if connections are lost again and again
const ANSWER_LIMIT_MS = 4_000;
const DAY_MS = 86_400_000;
const DAY = /** @type {const} */ ({ day: "numeric", month: "long" });
const TIME = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

const banner = document.querySelector("[data-connection]");
const language = document.documentElement.lang === "bn" ? "bn-BD" : "en";

/** @returns {Promise<boolean>} whether the server responds; a proxy in front of it may refuse this path */
export async function isAlive() {
  try {
    const signal = AbortSignal.timeout?.(ANSWER_LIMIT_MS);
    return (await fetch("/healthz", { cache: "no-store", signal })).status < 500;
  } catch {
    return false;
  }
}

/** Shows the state of the connection. Pages with their own connection report each message; others poll the server. */
class Connection {
  /** Pages may replace this with a request over their own connection. */
  ask = isAlive;
  #heardMs = Date.now(); // shown to people; durations are measured by performance.now()
  #quietSince = performance.now();
  #askedAt = -Infinity;
  #isLost = false;
  #isDoubted = false;
  #isAsking = false;
  #timer = 0;

  /** @returns {this} */
  start() {
    for (const change of ["online", "offline"]) addEventListener(change, () => this.doubt());
    addEventListener("pageshow", ({ persisted }) => persisted && this.doubt());
    document.addEventListener("visibilitychange", () => document.hidden || this.doubt());
    this.#wait(QUIET_MS);
    return this;
  }

  /** Sets the time when the page was generated, which is earlier for a cached copy. @param {number} ms  since 1970 */
  asOf(ms) {
    this.#heardMs = ms;
    this.#write(); // the server may already be known to be away
  }

  /** Call this when the server has sent something. */
  heard() {
    this.#heardMs = Date.now();
    this.#quietSince = performance.now();
    if (this.#isLost) this.#show(false);
  }

  /** Ask the server soon, even if it has just responded, because a connection was lost or the page was hidden. */
  doubt() {
    this.#isDoubted = true;
    this.#wait(REST_MS - (performance.now() - this.#askedAt));
  }

  /** @param {number} delayMs  until the next check */
  #wait(delayMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), Math.max(0, delayMs));
  }

  async #look() {
    if (document.hidden || this.#isAsking) return; // the next check comes when the page is visible again, or after the response
    const quietMs = performance.now() - this.#quietSince;
    if (quietMs < QUIET_MS && !this.#isDoubted && !this.#isLost) return this.#wait(QUIET_MS - quietMs);
    await this.#question();
    this.#wait(this.#isDoubted ? REST_MS : QUIET_MS);
  }

  async #question() {
    const asked = (this.#askedAt = performance.now());
    this.#isAsking = true;
    this.#isDoubted = false;
    const isAnswered = await this.ask();
    this.#isAsking = false;
    if (isAnswered) this.heard();
    else if (this.#quietSince < asked) this.#show(true);
  }

  /** @param {boolean} isLost */
  #show(isLost) {
    if (isLost === this.#isLost) return;
    this.#isLost = isLost;
    for (const part of document.querySelectorAll("[data-live], [data-pushed], [data-stat]")) part.toggleAttribute("data-stale", isLost);
    this.#write();
    if (!isLost) dispatchEvent(new Event("online")); // connections wait for this event, and open again
  }

  #write() {
    if (banner instanceof HTMLElement) banner.textContent = this.#isLost ? this.#words(banner) : "";
  }

  /** @param {HTMLElement} element  with the sentence in `data-words` and the server's time zone in `data-zone` */
  #words({ dataset }) {
    const day = Date.now() - this.#heardMs > DAY_MS ? DAY : {};
    const time = new Date(this.#heardMs).toLocaleString(language, { ...day, ...TIME, timeZone: dataset.zone });
    return (dataset.words ?? "").replace("{time}", time);
  }
}

/** @type {Connection}  one for each page, although a file that is loaded later may have its own copy of this module */
export const connection = (/** @type {any} */ (globalThis).koyjaboConnection ??= new Connection().start());
