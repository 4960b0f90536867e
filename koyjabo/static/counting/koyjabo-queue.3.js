/**
 * Visits and events without a response. They wait in IndexedDB and are sent later, unchanged and with their original
 * ids, so that each counts once (docs/client.md). Loaded with the first event, when something is waiting, and by the
 * service worker of our own pages.
 *
 * @typedef {object} Entry
 * @property {string} id  the visit's or event's id; starts with the time in base 36, so that ids sort by time
 * @property {string} url
 * @property {string} [visit]  the id of the event's visit
 * @property {any} body  the request body: a visit, or one event of a visitor
 * @property {number} [since]  when another program first responded to both content types, ms since 1970
 *
 * @typedef {object} Visit
 * @property {URL} base  the server's URL
 * @property {string} visitId
 * @property {object} who  the visitor, as sent to the server
 * @property {boolean} [isNew]  whether no page has the server's response yet
 * @property {boolean} isRegistered
 */

import { headersFor, post } from "./client/posting.js";

const MAX_WAITED_MS = 365 * 86_400_000; // the server ignores longer ones
const PAUSE_MS = 1_000; // so that events that happen together are sent together
const MAX_PROPERTIES = 10;
const NAME = /^[a-z]\w{0,63}$/i;
const REST_MS = 30_000;
const LONGEST_REST_MS = 300_000;
const MAX_ODD_MS = 7 * 86_400_000; // how long other programs may respond to an entry while the server responds to others
const SILENT_MS = 3_000; // a database without an answer
const MOST = 50;
const MAX_BYTES = 12_000; // of the 16 KB that the server accepts
// Prefix of keys in localStorage. Each value is a page's note, or "0" for an entry in this queue.
const WAITING = "koyjabo.waiting";
const NOT_COUNTED = "koyjabo.doNotCount"; // as in client/storage.js

/** @type {any} */
let area = {}; // the page's localStorage, see `later`; service workers have none

/** @type {Map<string, Entry>} */
const unnoted = new Map(); // entries that localStorage had no room for, by key
/** @type {Entry[]} */
let known = []; // what the database contained when it last answered
let isSilent = false; // the database is not asked again
/** Whether the database has answered. */
export let isRead = false;

let timer = 0, timerMs = 0, storing = 0;
let splitMs = 0; // when the events of a request without a response of the server may be sent one by one
/**
 * What is not sent before `untilMs`, by the host of a server, the URL of its events, the id of an entry, or `oddOnes`:
 * `isAsked` if the server asks so, otherwise after `turns` failures.
 * @type {Map<string | undefined, {untilMs: number, lastMs?: number, turns: number, isAsked: boolean}>}
 */
const rests = new Map();
/** @type {Set<string>} */
const responded = new Set(); // hosts whose server has responded to this page
const now = () => performance.now();
let isClosed = false; // see `close`

/** @param {string} id */
const key = (id) => `${WAITING} ${id}`;

/** @param {any} request  a request or a transaction  @returns {Promise<unknown>} */
const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = request.oncomplete = resolve;
    request.onerror = request.onabort = reject;
  });

/**
 * @template T  @param {number} ms  @param {Promise<T>} answer  @returns {Promise<T>}  rejected with undefined after `ms`
 */
const within = (ms, answer) => Promise.race([answer, new Promise((_, reject) => setTimeout(reject, ms))]);

/**
 * Act in one page or service worker at a time, because two would send the same entries. Act without the lock if the
 * browser does not grant it: an entry that is sent twice counts once.
 * @template T  @param {() => Promise<T>} act  @returns {Promise<T>}
 */
async function locked(act) {
  /** @type {Promise<T> | undefined} */
  let acted;
  const once = () => (acted ??= act());
  try {
    await within(REST_MS, navigator.locks.request(WAITING, once));
  } catch {
    // Locks are missing, or another page does not end.
  }
  return once();
}

/** @param {(kept: IDBObjectStore) => unknown} change  @returns {Promise<Entry[]>}  see `stored` */
async function changed(change) {
  const opening = indexedDB.open(WAITING);
  opening.onupgradeneeded = () => opening.result.createObjectStore(WAITING, { keyPath: "id" });
  await settled(opening);
  const kept = opening.result.transaction(WAITING, "readwrite").objectStore(WAITING);
  opening.result.close(); // after the transaction
  change(kept);
  const asked = kept.getAll();
  await settled(kept.transaction);
  return [...asked.result];
}

/**
 * @param {(kept: IDBObjectStore) => unknown} change  made later than this is rejected if the answer is late
 * @returns {Promise<Entry[]>}  all entries, once the change is stored
 */
async function stored(change) {
  if (isSilent || isClosed) throw isSilent;
  return within(SILENT_MS, changed(change)).catch((error) => {
    isSilent ||= !error;
    throw error;
  });
}

/** Keys of the notes, oldest first. */
const notes = () => [...unnoted.keys(), ...Object.keys(area)].filter((name) => name.startsWith(key(""))).sort();

/**
 * @param {string} name  key of a note  @param {() => any} read
 * @returns {Entry | undefined}  undefined for what another script has written
 */
function entryOf(name, read) {
  try {
    const entry = read();
    if (new URL(entry.url) && entry.body && typeof entry.id === "string" && key(entry.id) === name) return entry;
  } catch {
    // It has another shape.
  }
}

/** @param {string[]} names  @returns {Entry[]} */
const entriesOf = (names) => names.flatMap((name) => unnoted.get(name) ?? entryOf(name, () => JSON.parse(area[name])) ?? []);

/** Move the pages' notes into the queue. @returns {Promise<Entry[]>} all entries */
async function all() {
  const names = notes();
  try {
    const entries = await stored((kept) => {
      if (isSilent || isClosed) return; // this is a late answer
      entriesOf(names).forEach((entry) => kept.put(entry));
    });
    known = entries.filter((entry) => entryOf(key(entry.id), () => entry));
    isRead = true;
    for (const name of names) {
      if (unnoted.delete(name)) continue;
      if (!known.some(({ id }) => key(id) === name)) delete area[name];
      else (area[name] &&= "0") || later(); // without a note, its page has the response, and a retry will remove it
    }
    return known;
  } catch {
    isRead = false;
    return [...known.filter(({ id }) => area[key(id)] === "0"), ...entriesOf(notes())];
  }
}

/** Remove settled entries. @param {Entry[]} entries */
async function forget(...entries) {
  for (const { id } of entries) unnoted.delete(key(id)), rests.delete(id), delete area[key(id)];
  await stored((kept) => entries.forEach(({ id }) => kept.delete(id))).catch(() => {});
}

/**
 * JSON of a value. Arrays are arrays in it, even on pages where Prototype.js gives them a `toJSON`.
 * @param {unknown} value
 */
const json = (value) => JSON.stringify(value, /** @this {any} */ function (name, other) {
  return Array.isArray(this[name]) ? this[name] : other;
});

/**
 * The first entry and the events of the same visit that follow it, as many as fit into one request. Anonymous events
 * never share a request with others.
 * @param {Entry[]} entries
 */
function first(entries, most = MOST) {
  const [{ visit, body, since }] = entries;
  let end = 0, room = MAX_BYTES;
  do room -= new Blob([json(entries[end].body)]).size;
  while (++end < most && visit && !since && isNext(entries[end]) && room > 0);
  return entries.slice(0, end);

  /** @param {Entry | undefined} entry */
  function isNext(entry) {
    return entry?.visit === visit && !entry?.since && entry?.body.anonymous === body.anonymous;
  }
}

/**
 * How long a visit has waited, in ms. The device's clock also counts the time when the device slept or this page was
 * not open. If it was set while the visit waited, the page's own clock is used. That is right for a visit of this page.
 * @param {string} id
 */
function waited(id) {
  const openedMs = parseInt(id, 36), pageMs = Math.round(performance.timeOrigin + performance.now()) - openedMs;
  const deviceMs = Date.now() - openedMs;
  return deviceMs > pageMs && deviceMs < MAX_WAITED_MS ? deviceMs : pageMs;
}

/** The request body for these entries: a visit, or events. @param {Entry[]} entries */
function written(entries) {
  const [{ id, visit, body }] = entries;
  const more = visit ? { events: entries.flatMap(({ body }) => body.events) } : { waitedMs: waited(id) };
  return json({ ...body, ...more });
}

/**
 * Send nothing of a server, or of one of its keys, for a while.
 * @param {string} host  @param {string} [name]  its key
 * @param {number | false} [ms]  without it, longer after each failure
 * @param {number} [more]  how many content types have failed
 */
function rest(host, name = host, ms = 0, isAsked = false, more = 1) {
  const { lastMs = rests.get(host)?.lastMs ?? REST_MS / 2, turns = 0 } = rests.get(name) ?? {};
  const nextMs = ms || Math.min(2 * lastMs, LONGEST_REST_MS);
  rests.set(name, { untilMs: now() + nextMs, lastMs: ms ? undefined : nextMs, turns: turns + more, isAsked });
}

/** The key of all entries for a server that only other programs have responded to. @param {string} host */
const oddOnes = (host) => `odd ${host}`;

/** When an entry may be sent, by `now()`. @param {Entry} entry */
function dueMs({ id, url, visit, since }) {
  const { host } = new URL(url);
  return Math.max(0, ...[host, url, id, visit, since && oddOnes(host)].map((name) => rests.get(/** @type {string} */ (name))?.untilMs ?? 0));
}

/**
 * Entries in the order of their ids. Those that only other programs have responded to, and the events of such visits, are
 * last, so that they hold back nothing, and the one that was tried longest ago is first among them.
 * @param {Entry[]} entries
 */
function inTurn(entries) {
  const odd = new Set(entries.filter(({ since }) => since).map(({ id }) => id));
  const turn = (/** @type {string} */ id) => (odd.has(id) ? 1 + (rests.get(id)?.untilMs ?? 0) : 0);
  const place = (/** @type {Entry} */ { id, visit = id }) => Math.max(turn(id), turn(visit));
  return [...entries].sort((one, other) => place(one) - place(other));
}

/** Store that only another program has responded to an entry. @param {Entry} entry */
async function mark(entry) {
  if (entry.since) return;
  entry.since = Date.now();
  if (area[key(entry.id)]?.[1]) keep(entry); // the database does not answer
  else await stored((kept) => kept.put(entry)).catch(() => {});
}

/** @param {string} error  @param {Entry} entry */
const drop = (error, { body }) => /** @type {any} */ (globalThis).koyjaboShared?.lines?.dropped(error, body);

/**
 * Send entries in one request.
 * @param {Entry[]} entries  @param {Set<string>} heard  hosts whose server has responded just now, or whose entries are
 *   sent one by one
 * @returns {Promise<"settled" | "dropped" | "waiting" | "one by one">}  dropped ones will never be counted
 */
async function send(entries, heard) {
  const [entry, another] = entries, { id, url, since } = entry, { host } = new URL(url);
  const turn = rests.get(id)?.turns ?? (since ? 0 : undefined);
  const { isSettled, restMs, isOdd, body, status } = await post(url, written(entries), area, turn);
  if (isSettled) {
    responded.add(host);
    heard.add(host);
    for (const name of [host, oddOnes(host)]) rests.delete(name);
  }
  if (isSettled && status === 200) return "settled";
  if (isSettled && another) return "one by one"; // to find the bad entry
  if (isSettled) {
    drop(body.error, entry);
    return "dropped";
  }
  if (restMs) rest(host, entry.visit ? url : host, restMs, true);
  else if (body || !(isOdd || status)) rest(host, host, !status && REST_MS);
  else {
    const isWhole = turn == null && isOdd; // both types were sent
    rest(host, id, 0, false, isWhole ? 2 : 1);
    if (!another && (isWhole || turn)) return odd(entry, heard);
    if (!(isWhole || turn)) heard.has(host) || rest(host); // the other type is next
    else if (splitMs <= now()) {
      splitMs = now() + LONGEST_REST_MS;
      rests.delete(id);
      heard.add(host);
      return "one by one";
    } else rest(host, heard.has(host) ? entry.visit : host);
  }
  return "waiting";
}

/**
 * Only another program has responded to an entry, in both content types.
 * @param {Entry} entry  @param {Set<string>} heard  see `send`
 */
async function odd(entry, heard) {
  const { host } = new URL(entry.url);
  if (!heard.has(host)) rest(host, entry.since ? oddOnes(host) : host);
  await mark(entry);
  if (!responded.has(host) || Date.now() - /** @type {number} */ (entry.since) < MAX_ODD_MS) return "waiting";
  drop("Only other programs have responded for 7 days", entry);
  return "dropped";
}

/** @returns {Promise<number>}  ms until the next try; 0 if nothing is waiting */
async function sendAll() {
  /** @type {Set<string>} */
  const heard = new Set();
  const dropped = new Set(); // visits, whose events are dropped as well
  let waiting = inTurn(await all()), most = MOST;
  const open = new Set(waiting.filter(({ visit }) => !visit).map(({ id }) => id));
  /** @type {Entry[]} */
  const left = [];
  while (waiting[0] && !isClosed) {
    const some = first(waiting, most), [entry] = some, { id, visit } = entry;
    const isHeld = open.has(/** @type {any} */ (visit)) || dueMs(entry) > now(); // an event's visit has to be registered before it
    const outcome = dropped.has(visit) ? "dropped" : isHeld ? "waiting" : await send(some, heard);
    if (outcome === "one by one") {
      most = 1;
      continue;
    }
    waiting = waiting.slice(some.length);
    if (outcome === "waiting") left.push(...some);
    else {
      await forget(...some);
      open.delete(id);
    }
    if (outcome === "dropped") dropped.add(id);
  }
  dispatchEvent(new Event("koyjaboWaiting"));
  const due = left.filter(({ visit }) => !open.has(/** @type {any} */ (visit))).map(dueMs);
  return due.length ? Math.max(1, Math.min(...due) - now()) : 0;
}

/** @returns {Promise<number>}  see `sendAll` */
export const drain = () => locked(sendAll);

/** Move new notes into the queue soon, unless they have been sent by then. */
function store() {
  storing ||= setTimeout(() => {
    storing = 0;
    if (timer) locked(all); // a page that moves a note also sends it
  }, PAUSE_MS);
}

/** Store an entry, so that it is kept after this page closes. @param {Entry} entry */
export function keep(entry) {
  if (isClosed) return;
  try {
    area[key(entry.id)] = json(entry);
  } catch {
    unnoted.set(key(entry.id), entry); // the storage is full
    store();
  }
}

/** Send the waiting entries until none are left. */
export async function deliver() {
  timer = 0;
  const restMs = await drain();
  if (restMs) later(restMs);
}

/**
 * Send what waits, after `ms` or now; then also what has failed.
 * @param {number | false} [ms]  @param {any} [notes]  see `eventsOf`
 * @param {string} [host]  of a server that has not settled an entry, which waits for `ms`, as the server asks, or as after
 *   a failure
 */
export function later(ms, notes = area, host = "") {
  area = notes;
  if (isClosed) return;
  if (host) rest(host, host, ms, !!ms);
  else if (ms == null) for (const [name, { isAsked }] of rests) if (!isAsked) rests.delete(name);
  const nextMs = host ? 0 : ms || 0; // at once, it is only stored
  if (timer && timerMs > now() && timerMs <= now() + nextMs) return;
  clearTimeout(timer);
  timer = setTimeout(deliver, nextMs);
  timerMs = now() + nextMs;
}

/**
 * Remove all entries of this browser. Until `reopen`, this page stores and sends none.
 * @param {any} stored  see `eventsOf`
 */
export function close(stored) {
  isClosed = true;
  area = stored;
  clearTimeout(timer);
  timer = 0;
  unnoted.clear();
  for (const name of notes()) delete area[name];
  const deleted = async () => settled(indexedDB.deleteDatabase(WAITING));
  return locked(() => within(SILENT_MS, deleted()).catch(() => {})); // the browser forbids it, or deletes it later
}

export function reopen() {
  isClosed = false;
}

/** @param {Entry[]} entries */
const hurry = async (entries) =>
  fetch(entries[0].url, { method: "POST", body: written(entries), headers: headersFor(new URL(entries[0].url).host, area), keepalive: true });

/** Send the page's notes, since the page may not come back. If it does, they are sent again. */
function leave() {
  for (let waiting = entriesOf(notes()), some; waiting[0] && !isClosed; waiting = waiting.slice(some.length)) {
    some = first(waiting);
    hurry(some).catch(() => {});
  }
}

/** @param {[string, unknown]} property  name and value (specification: Page views and events) */
const isRight = ([name, value]) => NAME.test(name) && (/string|boolean/.test(typeof value) || Number.isFinite(value));

/**
 * @param {Visit} visit  the visit that these events belong to
 * @param {() => Promise<unknown> | undefined} begun  settles when the visit has been sent
 * @param {AbortSignal} signal  stops tracking
 * @param {any} notes  where the page stores its state: in memory if the browser forbids storage
 */
export function eventsOf(visit, begun, signal, notes) {
  area = notes;
  let number = 1_000_000; // ids of events sort in their order
  // The server may have refused the visit.
  const isCounted = () => !area[NOT_COUNTED] && (visit.isNew || visit.isRegistered);

  /** @param {unknown} name  @param {any} props  null means none  @param {unknown} page */
  async function track(name, props, page) {
    const { visitId, who, base } = visit;
    if (signal.aborted || !isCounted()) return;
    const given = Object.entries(props ?? {}).filter(([, value]) => value != null);
    const isWrong = name !== `${name}`.toLowerCase() || page !== `${page}` || given.length > MAX_PROPERTIES;
    if (isWrong || ![/** @type {[string, unknown]} */ ([name, 0]), ...given].every(isRight)) return console.warn("Not counted:", "wrong name or properties", name, props);
    const id = `${Date.now().toString(36)}-${number++}${Math.random()}`;
    const event = { id, name, page, props: Object.fromEntries(given), at: Date.now() };
    const entry = { id, url: new URL("api/events", base).href, visit: visitId, body: { ...who, events: [event] } };
    keep(entry);
    await begun();
    isCounted() ? later(PAUSE_MS) : forget(entry);
  }

  addEventListener("pagehide", leave, { signal });
  addEventListener("visibilitychange", () => document.hidden && visit.isRegistered && leave(), { signal });
  signal.addEventListener("abort", leave);
  return { track };
}

addEventListener("online", () => later());
