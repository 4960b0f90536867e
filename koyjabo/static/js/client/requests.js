/** Requests of the client module, and when they are repeated. */

export const ANSWER_LIMIT_MS = 10_000;

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 30_000;

/** Since the page was opened. */
export const elapsedMs = () => performance.now();

/** Browsers before 2022 do without. */
export const limit = () => AbortSignal.timeout?.(ANSWER_LIMIT_MS);

/** Also if the page closes. As plain text, for which browsers ask no permission. @param {URL} url  @param {object} body */
export function post(url, body) {
  return fetch(url, { method: "POST", body: JSON.stringify(body), keepalive: true, signal: limit() });
}

/** @param {() => void} call  when the network or the visitor returns  @param {AbortSignal} [signal] */
export function onReturn(call, signal) {
  addEventListener("online", call, { signal });
  document.addEventListener("visibilitychange", () => document.hidden || call(), { signal });
}

/** Growing, with jitter, so that pages do not reconnect all at once. @param {number} failures  @returns {number} ms */
export function delay(failures) {
  return Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS) * (4 + Math.random()) / 5;
}
