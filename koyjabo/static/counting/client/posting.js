/**
 * Requests that store something, and whether the server itself has responded: a portal, a firewall, a gateway or a proxy
 * may respond in its place, with any status. Bundled into the client and its parts, because it has no state.
 */

const ANSWER_LIMIT_MS = 10_000;
const QUICK_MS = 5_000; // what takes longer was not refused because of its content type
const DAY_MS = 86_400_000;
const REST_MS = 30_000;

/**
 * @typedef {object} Outcome
 * @property {boolean} [isSettled]  the server has counted it, or never will
 * @property {number | false} [restMs]  how long the server asks to wait
 * @property {boolean} [isOdd]  another program has responded, or refused the request where its response cannot be read
 * @property {any} [body]  the server's own response
 * @property {number} [status]
 * @property {unknown} [error]
 */

/** @param {any} body  of a response  @returns {boolean} whether it is an error of the server */
export const isOwnError = (body) =>
  typeof body.error === "string" && typeof body.code === "string" && /^[a-z_]+$/.test(body.code) &&
  typeof body.details === "object" && !!body.details && !Array.isArray(body.details);

/** @param {string} host */
const key = (host) => `koyjabo.json ${host}`;

/**
 * Whether a firewall on the way to this server refuses text/plain, as an earlier response has shown.
 * @param {string} host  @param {any} area  where the page stores its state
 */
const isJson = (host, area) => Math.abs(Date.now() - area[key(host)]) < DAY_MS;

/** @param {boolean} json */
const headers = (json) => (json ? { "Content-Type": "application/json" } : undefined);

/** @param {string} host  @param {any} area  @returns {Record<string, string> | undefined} */
export const headersFor = (host, area) => headers(isJson(host, area));

/** @param {string} host  @param {any} area  @param {boolean} json  the type that the server has received */
function remember(host, area, json) {
  try {
    if (json) area[key(host)] = Date.now();
    else if (area[key(host)]) delete area[key(host)];
  } catch {
    // The storage is full.
  }
}

/**
 * @param {string} url  @param {string} text  @param {any} area  @param {boolean} json
 * @returns {Promise<Outcome>}
 */
async function sent(url, text, area, json) {
  const startMs = performance.now();
  let status = 0, error;
  try {
    const signal = AbortSignal.timeout?.(ANSWER_LIMIT_MS);
    const response = await fetch(url, { method: "POST", body: text, headers: headers(json), keepalive: true, signal });
    status = response.status;
    const body = await response.json();
    if (status === 200 ? (/\/events$/.test(url) ? "accepted" : "visit") in body : status > 399 && isOwnError(body)) {
      remember(new URL(url).host, area, json);
      const restMs = (status === 429 || status === 503) && (/** @type {any} */ (response.headers.get("Retry-After")) * 1000 || REST_MS);
      return { isSettled: status < 500 && ![408, 425, 429].includes(status), restMs, body, status };
    }
  } catch (failure) {
    error = failure;
  }
  const isOdd = status !== 429 && status !== 503 && navigator.onLine !== false && performance.now() - startMs < QUICK_MS;
  return { isOdd, status, error };
}

/**
 * POST, at first as plain text, which needs no preflight request. Some firewalls refuse this type, and from another site
 * a page cannot see their response: what fails at once is sent again as JSON. The request continues after the page closes.
 * @param {string} url  @param {string} text  @param {any} area
 * @param {number} [turn]  how often it was tried, if neither type had a response of the server: they take turns then
 * @returns {Promise<Outcome>}
 */
export async function post(url, text, area, turn) {
  const json = isJson(new URL(url).host, area) !== !!(turn && turn % 2);
  const outcome = await sent(url, text, area, json);
  if (turn != null || !outcome.isOdd) return outcome;
  await new Promise((then) => setTimeout(then, 1000 + 1000 * Math.random()));
  return sent(url, text, area, !json);
}
