/** The client module's requests, and their retries. */

export const ANSWER_LIMIT_MS = 10_000;

export const POLL_MS = 2_000;

export const SILENCE_MS = 45_000; // pages cannot see the server's pings and comments, sent every 20 to 25 s

export const FRESH_AT_LOAD_MS = 10_000;

export const FRESH_MS = 30_000;

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 30_000;

/**
 * GET, or POST if there is a body. The body is sent as plain text, to avoid a preflight request. A POST continues after
 * the page closes.
 * @param {string} path  @param {URL} base  @param {object} [body]
 */
export const request = (path, base, body) =>
  fetch(new URL(path, base), {
    method: body && "POST",
    body: JSON.stringify(body),
    keepalive: !!body,
    signal: AbortSignal.timeout?.(ANSWER_LIMIT_MS), // missing in browsers before 2022
  });

/**
 * Load a module, and try again until the network is available.
 * @template T  @param {() => Promise<T>} load  @returns {Promise<T>}
 */
export const persistently = (load) => load().catch(() => new Promise((then) => setTimeout(then, POLL_MS)).then(() => persistently(load)));

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
