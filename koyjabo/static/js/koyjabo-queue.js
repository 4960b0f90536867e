/**
 * Visits and events that found no network: they wait in IndexedDB and are sent later, as they are and under their own
 * ids, so each counts once (docs/client.md). Loaded when something waits, and by the service worker of our own pages.
 *
 * @typedef {object} Entry
 * @property {string} id  the visit's or the event's; begins with the moment in base 36, so their order is that in time
 * @property {string} url
 * @property {string} [visit]  the id of the visit to which an event belongs
 * @property {any} body  of the request: a visit, or one event of a visitor
 */

const KEPT_DAYS = 365; // RETENTION_DAYS: how long the server recognises what it has counted
const DAY_MS = 86_400_000;
const REST_MS = 30_000;
const ANSWER_LIMIT_MS = 10_000;
const WAITING = "koyjabo.waiting"; // in localStorage with an id: the note of a page, or "0" for an entry of this queue

/** @type {any} */
let area = {};
try {
  area = localStorage;
} catch {
  // a service worker, or a browser that allows none
}

/** The ids that this page sends by itself. @type {Set<string | undefined>} */
const own = new Set();
/** The ids with an answer, perhaps before they are given to this module. @type {Set<string>} */
const answered = new Set();
/** To be kept, and without a note if localStorage is full. @type {Entry[]} */
const given = [];
let timer = 0;

/** @param {string} id */
const key = (id) => `${WAITING} ${id}`;

/** @param {(kept: IDBObjectStore) => unknown} change  @returns {Promise<Entry[]>}  all that is kept, once the change is stored */
const stored = (change) =>
  new Promise((resolve, reject) => {
    const opening = indexedDB.open(WAITING);
    opening.onupgradeneeded = () => opening.result.createObjectStore(WAITING, { keyPath: "id" });
    opening.onerror = reject;
    opening.onsuccess = () => {
      try {
        const kept = opening.result.transaction(WAITING, "readwrite").objectStore(WAITING);
        change(kept);
        const asked = kept.getAll();
        kept.transaction.oncomplete = () => resolve(asked.result);
        kept.transaction.onabort = reject;
      } catch (error) {
        reject(error);
      }
      opening.result.close(); // after the transaction
    };
  });

/** Move the notes of pages here. @returns {Promise<Entry[]>} all that waits */
async function all() {
  const noted = Object.keys(area).filter((name) => name.startsWith(key(""))).sort();
  const entries = [...noted.map((name) => JSON.parse(area[name])).filter(Boolean), ...given.splice(0)];
  try {
    const kept = await stored((kept) => entries.forEach((entry) => kept.put(entry)));
    for (const name of noted) kept.some(({ id }) => key(id) === name) ? (area[name] = 0) : delete area[name];
    return kept;
  } catch {
    return entries;
  }
}

/** @param {string} id */
async function forget(id) {
  own.delete(id);
  delete area[key(id)];
  await stored((kept) => kept.delete(id)).catch(() => {});
}

/** @param {Entry} entry  @returns {Promise<number | void>}  ms to wait; 0 if it is counted, nothing if it never will be */
async function send({ id, url, body }) {
  if (Date.now() - parseInt(id, 36) > KEPT_DAYS * DAY_MS) return console.warn("Too old, and not counted:", body); // a time in the future is no age
  try {
    const answer = await fetch(url, { method: "POST", body: JSON.stringify(body), keepalive: true, signal: AbortSignal.timeout?.(ANSWER_LIMIT_MS) });
    const { error } = await answer.json(); // other bodies than JSON come from a proxy or a portal, and not from the server
    if (answer.status > 499 || answer.status === 429) return Number(answer.headers.get("Retry-After")) * 1000 || REST_MS;
    return answer.ok ? 0 : console.warn("Refused, and not counted:", error, body);
  } catch {
    return REST_MS;
  }
}

/** @returns {Promise<number>}  ms until the next try; 0 if nothing waits except the page's own entries */
async function sendAll() {
  /** @type {Record<string, number>} */
  const rests = {}; // ms, of servers that take nothing now, and of those that take no events
  const dropped = new Set();
  for (const entry of await all()) {
    const { id, url, visit } = entry, { host } = new URL(url), what = visit ? url : host;
    if (own.has(id) || own.has(visit) || rests[host] || rests[what]) continue; // an event belongs to a visit that the server knows
    const restMs = answered.has(id) || dropped.has(visit) ? 0 : await send(entry); // with a visit its events are dropped
    if (restMs) rests[what] = restMs;
    else await forget(id);
    if (restMs === undefined) dropped.add(id);
  }
  dispatchEvent(new Event("koyjaboWaiting"));
  return Math.max(0, ...Object.values(rests));
}

/** One page or service worker at a time, where browsers can do that: two would send the same. @type {<Result>(work: () => Promise<Result>) => Promise<Result>} */
const alone = async (work) => navigator.locks?.request(WAITING, work).catch(work) ?? work();

/** @returns {Promise<number>}  as `sendAll` */
export const drain = () => alone(sendAll);

/** The page has its answer. Not while all is sent, which may have to store it first. @param {string} id */
export function remove(id) {
  answered.add(id);
  return alone(() => forget(id));
}

/** Send what waits, and again until nothing does. @param {Entry[]} entries  keep them as well, for the time after this page */
export async function deliver(...entries) {
  given.push(...entries);
  for (const { id } of entries) own.add(id);
  clearTimeout(timer);
  const restMs = await drain();
  if (restMs) timer = setTimeout(deliver, restMs);
}

addEventListener("online", () => deliver());
