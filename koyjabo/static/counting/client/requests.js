/** The client module's requests, and their retries. */

import { isPage } from "./storage.js";

export const ANSWER_LIMIT_MS = 10_000;

export const POLL_MS = 2_000;

export const SILENCE_MS = 45_000; // pages cannot see the server's pings and comments, sent every 20 to 25 s

/** Resolves when the page is shown: browsers may load a page before showing it. Until then, nothing is read, stored or sent. */
export const shown = () => isPrepared() && new Promise((then) => on("prerenderingchange", then));

export const isPrepared = () => isPage && /** @type {any} */ (document).prerendering;

export const FRESH_AT_LOAD_MS = 10_000;

export const FRESH_MS = 30_000;

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 30_000;
const LONGEST_PAUSE_S = 300; // another program may ask for a day

/**
 * Requests that are repeated every POLL_MS, but after failures ever more seldom, as sockets are reopened, and not before
 * the time that the server sets.
 */
export class Poll {
  #failures = 0;
  #nextMs = 0; // by performance.now()

  get isDue() {
    return performance.now() >= this.#nextMs;
  }

  /** @param {string} path  @param {URL} base */
  async get(path, base) {
    if (isPrepared()) await shown();
    this.#nextMs = performance.now() + delay(this.#failures++); // unless it succeeds
    const response = await fetch(new URL(path, base), { signal: AbortSignal.timeout?.(ANSWER_LIMIT_MS) }); // missing in browsers before 2022
    if (response.ok) this.#nextMs = this.#failures = 0;
    else this.#nextMs += 1000 * Math.min(/** @type {any} */ (response.headers.get("Retry-After")), LONGEST_PAUSE_S) || 0;
    return response;
  }
}

/**
 * Load a module, and try again until the network is available.
 * @template T  @param {() => Promise<T>} load  @returns {Promise<T>}
 */
export const persistently = (load, failures = 0) =>
  load().catch(() => new Promise((then) => setTimeout(then, delay(failures))).then(() => persistently(load, failures + 1)));

/**
 * @param {string} types  event types of the window, separated by spaces
 * @param {(event: any) => void} call
 * @param {AbortSignal} [signal]  removes the listeners
 */
export function on(types, call, signal) {
  for (const type of types.split(" ")) addEventListener(type, call, { capture: true, passive: true, signal });
}

/** @param {() => void} call  called when the network or the visitor returns  @param {AbortSignal} [signal] */
export function onReturn(call, signal) {
  on("online", call, signal);
  on("visibilitychange", () => document.hidden || call(), signal);
}

/**
 * Exponential backoff with jitter, so that pages do not all reconnect at once.
 * @param {number} failures  @returns {number} ms
 */
export const delay = (failures) => Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS) * (4 + Math.random()) / 5;
