/**
 * Page views and events of a KoyJabo, which loads this module when `track` or `pageViews` is first used
 * (docs/client.md). Each event keeps its id until the server has answered, so it counts once.
 */
import { delay, done, KoyJabo, note, post, queue } from "./koyjabo.js";

/**
 * @typedef {{id: string, name: string, page: string, props: Record<string, unknown>, at: number}} Event
 * @typedef {object} Visit
 * @property {URL} url
 * @property {string} visitId
 * @property {object} who  as the server is told
 * @property {{page?: string}} fields
 * @property {boolean} isNew  the page that was loaded is its first view
 * @property {boolean} isRegistered
 */

const PAUSE_MS = 1_000; // what happens together is sent together
const MOST = 50;
const MOST_BYTES = 12_000; // of the 16 KB that the server accepts
const MOST_WAITING = 1_000;
const LONGEST_TEXT = 120;

/** @param {unknown} value */
const cut = (value) => (typeof value === "string" ? value.slice(0, LONGEST_TEXT) : value);

const NAME = /^[a-z]\w{0,63}$/;
const PROPERTY = /^[A-Za-z]\w{0,63}$/;
const MOST_PROPERTIES = 10;

/**
 * The error in the arguments of `track` (docs/specification.md).
 * @param {unknown} name  @param {unknown} props  @param {unknown} page  @returns {string | undefined}
 */
function problem(name, props, page) {
  if (typeof name !== "string" || !NAME.test(name) || /[A-Z]/.test(name)) return "its name must be of a-z, 0-9 and _";
  if (typeof page !== "string") return "its page must be a text";
  if (typeof props !== "object" || Array.isArray(props)) return "its properties must be an object";
  const said = Object.entries(props ?? {}).filter(([, value]) => value != null);
  if (said.length > MOST_PROPERTIES) return "it has more than 10 properties";
  if (!said.every(([key]) => PROPERTY.test(key))) return "names of properties must be of A-Z, a-z, 0-9 and _";
  if (!said.every(([, value]) => ["string", "boolean"].includes(typeof value) || Number.isFinite(value)))
    return "properties must be texts, numbers and booleans";
}

/** Whether the page is not shown yet, and may never be. */
const isPrepared = () => /** @type {any} */ (document).prerendering;

/** Unique among those of the visitor. */
const newId = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

/** @param {Event} event */
const bytes = (event) => new TextEncoder().encode(JSON.stringify(event)).length;

/** @type {WeakMap<Visit, Events>} */
const known = new WeakMap();

/** Tells of new paths. */
const paths = new EventTarget();
let isHistoryWrapped = false;

/** Once for a page, whatever is started and stopped on it: other scripts may have wrapped it as well. */
function wrapHistory() {
  if (isHistoryWrapped) return;
  isHistoryWrapped = true;
  for (const name of /** @type {const} */ (["pushState", "replaceState"])) {
    const original = history[name];
    history[name] = (...args) => {
      original.apply(history, args);
      paths.dispatchEvent(new Event("change"));
    };
  }
}

/**
 * Count an event, or follow the history if 0 stands in place of a name.
 * @param {Visit} visit  to which it belongs
 * @param {AbortSignal} signal  ends it
 * @param {unknown} name  @param {any} props  @param {string} page
 */
export function track(visit, signal, name, props, page) {
  const events = known.get(visit) ?? new Events(visit, signal);
  known.set(visit, events);
  if (name === 0) return events.follow(page, visit.fields.page);
  const wrong = problem(name, props ?? {}, page);
  wrong ? console.warn(`Event not counted, ${wrong}:`, name, props) : events.track(String(name), props, page);
}

class Events {
  #url;
  #visit;
  #signal;
  /** @type {Event[]} */
  #waiting = [];
  #timer = 0;
  #failures = 0;
  #follows = false;

  /** @param {Visit} visit  @param {AbortSignal} signal */
  constructor(visit, signal) {
    this.#url = new URL("/api/events", visit.url);
    this.#visit = visit;
    this.#signal = signal;
    addEventListener("pagehide", () => this.#leave(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden && visit.isRegistered && this.#leave(), { signal });
    addEventListener("online", () => this.#timer && this.#wait(0), { signal });
    signal.addEventListener("abort", () => {
      clearTimeout(this.#timer);
      this.#leave();
    });
  }

  /** @param {string} name  @param {Record<string, unknown> | undefined} props  null is none  @param {string} page */
  track(name, props, page) {
    if (this.#signal.aborted || KoyJabo.isNotCounted || !this.#counts) return;
    if (this.#waiting.length === MOST_WAITING) return console.warn(`Event not counted, too many are waiting: ${name}`);
    const said = Object.entries(props ?? {}).filter(([, value]) => value != null);
    const event = {
      id: newId(),
      name,
      page,
      props: Object.fromEntries(said.map(([key, value]) => [key, cut(value)])),
      at: Date.now(),
    };
    this.#waiting.push(event);
    if (!isPrepared()) note(this.#entry(event));
    if (!this.#timer) this.#wait(PAUSE_MS);
  }

  /**
   * A page view for every change of the path, and when the back/forward cache shows the page again.
   * @param {string} path  when the client was started
   * @param {string} [page]  as the author named this page
   */
  follow(path, page) {
    if (this.#follows) return;
    this.#follows = true;
    const signal = this.#signal;
    let viewed = path;
    const view = (as = viewed) => this.track("pageview", {}, as);
    const look = () => {
      if (location.pathname === viewed) return;
      viewed = location.pathname;
      view();
    };
    if (!this.#visit.isNew) view(page);
    wrapHistory();
    paths.addEventListener("change", look, { signal });
    addEventListener("popstate", look, { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && view(), { signal });
    look();
  }

  /** Whether the visit is counted: the server may have refused it. */
  get #counts() {
    return this.#visit.isNew || this.#visit.isRegistered;
  }

  /** Whether the page is shown and its visit is registered, to which its events belong. */
  get #isReady() {
    return this.#visit.isRegistered && !isPrepared();
  }

  /** @param {Event} event */
  #entry(event) {
    const { visitId, who } = this.#visit;
    return { id: event.id, url: this.#url.href, visit: visitId, body: { ...who, events: [event] } };
  }

  /** @param {number} ms */
  #wait(ms) {
    clearTimeout(this.#timer);
    if (!this.#signal.aborted) this.#timer = setTimeout(() => this.#send(), ms);
  }

  async #send() {
    if (!this.#counts) this.#drop(this.#waiting);
    if (!this.#isReady) return this.#waiting.length ? this.#wait(PAUSE_MS) : (this.#timer = 0);
    const pauseMs = await this.#post(first(this.#waiting)).catch(() => {
      queue(({ deliver }) => deliver(...this.#waiting.map((event) => this.#entry(event))));
      return delay(this.#failures++);
    });
    this.#timer = 0;
    if (this.#waiting.length) this.#wait(pauseMs);
  }

  /** @param {Event[]} events  @returns {Promise<number>} ms until the next request */
  async #post(events) {
    const response = await post(this.#url, { ...this.#visit.who, events });
    if (response.status >= 500 || response.status === 429) {
      return Math.max(Number(response.headers.get("Retry-After")) * 1000 || 0, delay(this.#failures++));
    }
    this.#drop(response.ok ? events : refused(events, await response.json().catch(() => ({})))); // a proxy may have refused
    this.#failures = 0;
    return PAUSE_MS;
  }

  /** @param {Event[]} events  that are counted or refused */
  #drop(events) {
    this.#waiting = this.#waiting.filter((event) => !events.includes(event));
    for (const { id } of events) done(id, this.#failures);
  }

  /** The page may not come back: events without an answer are sent, and sent again if it does. */
  #leave() {
    if (isPrepared() || !this.#counts) return;
    for (let waiting = this.#waiting, sent; waiting.length; waiting = waiting.slice(sent.length)) {
      sent = first(waiting);
      navigator.sendBeacon(this.#url, JSON.stringify({ ...this.#visit.who, events: sent }));
    }
  }
}

/** As many as one request may have. @param {Event[]} events */
function first(events) {
  let room = MOST_BYTES;
  const end = events.findIndex((event, place) => place === MOST || (room -= bytes(event)) < 0);
  return events.slice(0, end < 0 ? MOST : end || 1);
}

/**
 * The events that a retry would not help: those named by the server, else all.
 * @param {Event[]} events  @param {{error?: string, details?: Record<string, string>}} answer
 */
function refused(events, { error, details = {} }) {
  console.warn("Events were refused:", error, details);
  const named = new Set(Object.keys(details).map((field) => /^events\.(\d+)/.exec(field)?.[1]));
  return named.has(undefined) || !named.size ? events : events.filter((_, place) => named.has(String(place)));
}
