/**
 * Visits and events without an answer: they wait in IndexedDB and are sent later, as they are and under their own ids, so
 * each counts once (docs/client.md). Loaded with the first event, when something waits, and by the service worker of our
 * own pages.
 *
 * @typedef {object} Entry
 * @property {string} id  the visit's or the event's; begins with the moment in base 36, so their order is that in time
 * @property {string} url
 * @property {string} [visit]  the id of the visit to which an event belongs
 * @property {any} body  of the request: a visit, or one event of a visitor
 *
 * @typedef {object} Visit
 * @property {URL} base  of the server
 * @property {string} visitId
 * @property {object} who  as the server is told
 * @property {{page?: string}} fields
 * @property {boolean} isNew  the page that was loaded is its first view
 * @property {boolean} isRegistered
 */

const KEPT_MS = 365 * 86_400_000; // RETENTION_DAYS: how long the server recognises what it has counted
const PAUSE_MS = 1_000; // what happens together is sent together
const LONGEST_TEXT = 120;
const MOST_PROPERTIES = 10;
const NAME = /^[a-z][a-z0-9_]{0,63}$/;
const PROPERTY = /^[a-z]\w{0,63}$/i;
const REST_MS = 30_000;
const ANSWER_LIMIT_MS = 10_000;
const MOST = 50;
const MOST_BYTES = 12_000; // of the 16 KB that the server accepts
const WAITING = "koyjabo.waiting"; // in localStorage with an id: the note of a page, or "0" for an entry of this queue
const NOT_COUNTED = "koyjabo.doNotCount"; // as in client/storage.js

/** @type {any} */
let area = {};
try {
  area = localStorage;
} catch {
  // a service worker, or a browser that allows none
}

let timer = 0;
let isTold = false; // when to come, by a server

/** @param {string} id */
const key = (id) => `${WAITING} ${id}`;

/** @param {any} request  or a transaction  @returns {Promise<unknown>} */
const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = request.oncomplete = resolve;
    request.onerror = request.onabort = reject;
  });

/** @param {(kept: IDBObjectStore) => unknown} change  @returns {Promise<Entry[]>}  all that is kept, once the change is stored */
async function stored(change) {
  const opening = indexedDB.open(WAITING);
  opening.onupgradeneeded = () => opening.result.createObjectStore(WAITING, { keyPath: "id" });
  await settled(opening);
  const kept = opening.result.transaction(WAITING, "readwrite").objectStore(WAITING);
  opening.result.close(); // after the transaction
  change(kept);
  const asked = kept.getAll();
  await settled(kept.transaction);
  return asked.result;
}

/** The oldest first. */
const notes = () => Object.keys(area).filter((name) => name.startsWith(key(""))).sort();

/** @param {string[]} names  @returns {Entry[]} */
const entriesOf = (names) => names.map((name) => JSON.parse(area[name])).filter(Boolean);

/** Move the notes of pages here. @returns {Promise<Entry[]>} all that waits */
async function all() {
  const names = notes(), entries = entriesOf(names);
  try {
    const kept = await stored((kept) => entries.forEach((entry) => kept.put(entry)));
    for (const name of names) kept.some(({ id }) => key(id) === name) ? (area[name] = "0") : delete area[name];
    return kept;
  } catch {
    return entries;
  }
}

/** They have an answer. @param {Entry[]} entries */
async function forget(...entries) {
  for (const { id } of entries) delete area[key(id)];
  await stored((kept) => entries.forEach(({ id }) => kept.delete(id))).catch(() => {});
}

/** The first of them, and the events of the same visit right after it: as many as one request may have. One is anonymous with all its
 * events or with none. @param {Entry[]} entries
 */
function first(entries, most = MOST) {
  const [{ visit, body }] = entries;
  let end = 0, room = MOST_BYTES;
  do room -= new Blob([JSON.stringify(entries[end].body)]).size;
  while (++end < most && visit && entries[end]?.visit === visit && entries[end].body.anonymous === body.anonymous && room > 0);
  return entries.slice(0, end);
}

/** The body of their request. @param {Entry[]} entries */
const written = (entries) => JSON.stringify({ ...entries[0].body, events: entries[0].visit && entries.flatMap(({ body }) => body.events) });

/** @param {Entry[]} entries  @returns {Promise<number | void>}  ms to wait; 0 if they are counted, nothing if one of them never will be */
async function send(entries) {
  const [{ id, url, body }, another] = entries;
  let error = "too old";
  if (Date.now() - parseInt(id, 36) < KEPT_MS) { // a time in the future is no age
    try {
      const answer = await fetch(url, { method: "POST", body: written(entries), keepalive: true, signal: AbortSignal.timeout?.(ANSWER_LIMIT_MS) });
      ({ error } = await answer.json()); // other bodies than JSON come from a proxy or a portal, and not from the server
      isTold = answer.status > 499 || answer.status === 429;
      if (isTold) return /** @type {any} */ (answer.headers.get("Retry-After")) * 1000 || REST_MS;
      if (answer.ok) return 0;
    } catch {
      return REST_MS;
    }
  }
  if (!another) console.warn("Not counted:", error, body);
}

/** @returns {Promise<number>}  ms until the next try; 0 if nothing waits */
async function sendAll() {
  /** @type {Record<string, number | void>} */
  const rests = {}; // ms, of servers that take nothing now, and of those that take no events; 0: of visits that were dropped
  for (let waiting = await all(), most = MOST; waiting[0]; ) {
    const some = first(waiting, most), [{ id, url, visit }, another] = some, { host } = new URL(url), what = visit ? url : host;
    const restMs = rests[host] ?? rests[what] ?? rests[/** @type {any} */ (visit)] ?? await send(some); // with a visit its events are dropped
    if (restMs === undefined && another) {
      most = 1; // to find out which
      continue;
    }
    waiting = waiting.slice(some.length);
    if (restMs) rests[what] = restMs; // an event belongs to a visit that the server knows
    else await forget(...some);
    if (restMs === undefined) rests[id] = 0;
  }
  dispatchEvent(new Event("koyjaboWaiting"));
  return Math.max(0, .../** @type {number[]} */ (Object.values(rests)));
}

/** One page or service worker at a time, where browsers can do that: two would send the same. @returns {Promise<number>}  as `sendAll` */
export const drain = () => /** @type {Promise<any> | undefined} */ (navigator.locks?.request(WAITING, sendAll))?.catch(sendAll) ?? sendAll();

/** Keep an entry in the time after this page, too. @param {Entry} entry */
export function keep(entry) {
  try {
    area[key(entry.id)] = JSON.stringify(entry);
  } catch {
    stored((kept) => kept.put(entry)).catch(() => {}); // it is full
  }
}

/** Send what waits, and again until nothing does. */
export async function deliver() {
  timer = 0;
  isTold = false;
  const restMs = await drain();
  timer ||= restMs && setTimeout(deliver, restMs);
}

/** Send what waits now, or unless a time is set, after so long. @param {number} [ms]  @param {any} [notes]  as in `eventsOf` */
export function later(ms, notes = area) {
  area = notes;
  if (ms && timer) return;
  isTold = !!ms;
  clearTimeout(timer);
  timer = setTimeout(deliver, ms);
}

/** The page may not come back: what it has noted is sent, and sent again if it does. */
function leave() {
  for (let waiting = entriesOf(notes()), some; waiting[0]; waiting = waiting.slice(some.length)) {
    some = first(waiting);
    navigator.sendBeacon(some[0].url, written(some));
  }
}

/** @param {[string, unknown]} property */
const isRight = ([name, value]) => PROPERTY.test(name) && (/string|boolean/.test(typeof value) || Number.isFinite(value));

/**
 * The error in the arguments of `track` (specification: Page views and events).
 * @param {unknown} name  @param {[string, unknown][]} props  @param {unknown} page
 */
function problem(name, props, page) {
  if (typeof name !== "string" || !NAME.test(name)) return "its name must be of a-z, 0-9 and _";
  if (typeof page !== "string") return "its page must be a text";
  if (props.length > MOST_PROPERTIES || !props.every(isRight)) return "it may have 10 properties: texts, numbers and booleans, with names of a-z, A-Z, 0-9 and _";
}

/**
 * @param {Visit} visit  to which they belong
 * @param {Promise<unknown>} begun  settled when it was sent
 * @param {AbortSignal} signal  ends them
 * @param {any} notes  where the page keeps them: memory, if the browser allows nothing else
 */
export function eventsOf(visit, begun, signal, notes) {
  area = notes;
  let number = 1_000_000; // the order of events is that of their ids
  const isCounted = () => !area[NOT_COUNTED] && (visit.isNew || visit.isRegistered); // the server may have refused it

  /** @param {unknown} name  @param {any} props  null is none  @param {unknown} page */
  async function track(name, props, page) {
    const { visitId, who, base } = visit;
    if (signal.aborted || !isCounted()) return;
    const said = Object.entries(props ?? {}).filter(([, value]) => value != null);
    const wrong = problem(name, said, page);
    if (wrong) return console.warn(`Event not counted, ${wrong}:`, name, props);
    const id = `${Date.now().toString(36)}-${number++}${Math.random().toString(36).slice(2)}`;
    const cut = Object.fromEntries(said.map(([key, value]) => [key, /** @type {any} */ (value).slice?.(0, LONGEST_TEXT) ?? value]));
    const event = { id, name, page, props: cut, at: Date.now() };
    const entry = { id, url: new URL("/api/events", base).href, visit: visitId, body: { ...who, events: [event] } };
    keep(entry);
    await begun;
    isCounted() ? later(PAUSE_MS) : forget(entry);
  }

  /** A page view for every change of the path, and when the back/forward cache shows the page again. @param {string} viewed  when the client was started */
  function follow(viewed) {
    const view = (page = viewed) => track("pageview", {}, page);
    const look = () => {
      if (location.pathname !== viewed) view((viewed = location.pathname));
    };
    if (!visit.isNew) view(visit.fields.page);
    for (const name of /** @type {const} */ (["pushState", "replaceState"])) {
      const original = history[name];
      history[name] = (...args) => {
        original.apply(history, args);
        look();
      };
    }
    addEventListener("popstate", look, { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && view(), { signal });
    look();
  }

  addEventListener("pagehide", leave, { signal });
  document.addEventListener("visibilitychange", () => document.hidden && visit.isRegistered && leave(), { signal });
  signal.addEventListener("abort", leave);
  return { track, follow };
}

addEventListener("online", () => isTold || later());
