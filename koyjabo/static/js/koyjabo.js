/**
 * Koy Jabo Live for any page of any site: counts the visit, and keeps the stats equal to the server's (docs/client.md).
 * Only this module imports those of js/client/: `make assets` puts them into one file, so that none is there twice.
 */

import { newFeed } from "./client/feed.js";
import { Line } from "./client/line.js";
import { origin } from "./client/origin.js";
import { delay, elapsedMs, limit, onReturn, post } from "./client/requests.js";
import { isNewer, Newest } from "./client/stats.js";
import { doNotCount, isNotCounted } from "./client/storage.js";
import { done, isNoted, note, queue, waiting } from "./client/unsent.js";
import { Visit } from "./client/visit.js";

/**
 * @typedef {import("./client/stats.js").Stats} Stats
 * @typedef {import("./client/stats.js").Last} Last
 * @typedef {import("./client/visit.js").Receipt} Receipt
 *
 * @typedef {"connecting" | "live" | "polling" | "offline"} LineState
 * @typedef {(stats: Stats | null, line: LineState) => void} Listener
 *
 * @typedef {object} PageOptions
 * @property {string} [baseUrl]
 * @property {boolean} [listens]
 * @property {boolean} [poll]
 * @property {boolean} [pageViews]
 * @property {Stats | null} [stats]
 *
 * @typedef {import("./client/visit.js").VisitOptions & PageOptions} Options
 */

const FRESH_MS = 30_000;
const POLL_MS = 2_000;
const HEARTBEAT_MS = 60_000; // a visitor is active for 5 minutes by default

export { delay, done, isNewer, Line, note, post, queue };

export class KoyJabo {
  #base;
  #visit;
  #listens;
  #pageViews;
  /** @type {Promise<any> | undefined} */
  #events; // their module: requested once, so that they keep their order
  #feed;
  #newest;
  #changes = new EventTarget();
  #stopped = new AbortController();
  /** @type {LineState} */
  line = "connecting"; // read only
  #timer = 0;
  #askedMs = -Infinity;
  #activeMs = elapsedMs();
  /** @type {Promise<boolean> | null} */
  #asking = null;
  /** @type {Promise<void> | null} */
  #registering = null;
  /** @type {Promise<unknown> | undefined} */
  #begun; // the first registration or request

  /** @param {Options} [options] */
  constructor(options = {}) {
    const { baseUrl, remember = true, listens = true, poll, pageViews, stats } = options;
    const base = (this.#base = new URL(baseUrl ?? origin()));
    this.#visit = new Visit(base, options);
    this.visitorId = this.#visit.visitorId;
    this.#listens = listens;
    this.#pageViews = pageViews;
    this.#newest = new Newest(base, remember, () => this.#tell());
    this.#feed = newFeed(base, this.#visit.who, this.#stopped.signal, {
      hear: (event) => this.#hear(event),
      lost: () => this.#ask(),
      ready: () => this.#begun,
    });
    this.poll = poll;
    if (stats) this.#newest.accept(stats, undefined, 0);
  }

  static doNotCount = doNotCount;

  static get isNotCounted() {
    return isNotCounted();
  }

  /** The newest known stats. Refreshes them if they are older than 30 s. */
  get stats() {
    if (Math.abs(Date.now() - this.#newest.freshMs) > FRESH_MS && elapsedMs() - this.#askedMs > POLL_MS) this.refresh();
    return this.#newest.stats;
  }

  /** The newest visit of anybody, if the server has named one. */
  get last() {
    return this.#newest.last;
  }

  /** The visitor's own number, once the visit of this session is registered. */
  get visit() {
    return this.#visit.receipt;
  }

  /** Whether the visit of this session is registered; an older client that did that kept no number. */
  get isCounted() {
    return this.#visit.isRegistered;
  }

  /** How many visits and events of this browser have no answer yet. */
  get waiting() {
    return waiting();
  }

  /**
   * Call `listener` now and at every change.
   * @param {Listener} listener
   * @returns {() => void} ends the subscription
   */
  subscribe(listener) {
    const tell = () => listener(this.#newest.stats, this.line);
    this.#changes.addEventListener("change", tell);
    tell();
    return () => this.#changes.removeEventListener("change", tell);
  }

  /** Count the visit if it is the first of this session, and open the socket. */
  async start() {
    const { signal } = this.#stopped;
    if (/** @type {any} */ (document).prerendering) await new Promise((shown) => document.addEventListener("prerenderingchange", shown)); // nobody looks
    if (signal.aborted) return;
    this.#newest.start(signal);
    onReturn(() => this.#wake(), signal);
    this.#timer = setInterval(() => this.#tick(), POLL_MS);
    if (isNotCounted()) console.info("This browser is not counted (KoyJabo.doNotCount)");
    if (this.#visit.isDue) console.log("🆕 First visit in this session - registering with backend...");
    if (this.#pageViews) this.track(/** @type {any} */ (0)); // no event: the module follows the history
    let isLeft = waiting() > 0; // by an earlier page
    this.#begun = this.#visit.isDue ? this.#register() : this.refresh();
    isLeft ||= !isNoted();
    if (this.#listens) this.#feed.socket.start(signal); // meanwhile: on slow networks each answer takes half a second
    await this.#begun;
    if (isLeft) queue(({ deliver }) => deliver());
  }

  /**
   * Count an event.
   * @param {string} name  of a-z, 0-9 and _
   * @param {Record<string, unknown>} [props]  texts, numbers and booleans
   */
  async track(name, props, page = location.pathname) {
    (await this.#loadEvents()).track(this.#visit, this.#stopped.signal, name, props, page);
  }

  /** Once, so that events keep their order, and until there is a network. @returns {Promise<any>} */
  #loadEvents() {
    return (this.#events ??= import("./koyjabo-events.js").catch(async () => {
      await new Promise((then) => setTimeout(then, POLL_MS));
      this.#events = undefined;
      return this.#loadEvents();
    }));
  }

  /** Stop for good. @returns {Promise<void> | null} the registration in progress, if any */
  stop() {
    clearInterval(this.#timer);
    this.#stopped.abort();
    return this.#registering;
  }

  /**
   * Request the stats. Concurrent calls share one request.
   * @returns {Promise<boolean>} whether the server answered
   */
  refresh() {
    return (this.#asking ??= this.#fetch().finally(() => (this.#asking = null)));
  }

  async #fetch() {
    this.#askedMs = elapsedMs();
    try {
      const response = await fetch(new URL("/api/stats", this.#base), { signal: limit() });
      if (response.ok) this.#newest.accept(await response.json());
      return response.ok;
    } catch {
      return false;
    }
  }

  #register() {
    return (this.#registering = this.#count().finally(() => (this.#registering = null)));
  }

  async #count() {
    const told = await this.#visit.send();
    if (told) {
      this.#newest.accept(told);
      this.#tell(); // its number
      this.#print(told);
    }
    if ((await this.refresh()) && !told) this.#print(/** @type {Stats} */ (this.#newest.stats), " [from GET fallback]");
  }

  /** @param {Stats} stats */
  #print(stats, whence = "") {
    console.log(`📊 Backend sync - Total: ${stats.totalVisits}, Today: ${stats.todayVisits}, Active: ${stats.activeUsers}${whence}`);
  }

  /** @param {{stats?: Stats, last?: Last, milestone?: number}} event  a visitor_update, or another without stats */
  async #hear({ stats, last, milestone }) {
    if (!stats) return;
    this.#newest.accept(stats, last);
    if (milestone) dispatchEvent(new CustomEvent("koyjaboMilestone", { detail: { milestone } }));
    await this.#begun;
    if (this.#feed.isLive()) this.#say("live");
  }

  #tick() {
    this.#newest.keep();
    if (this.#visit.isDue) this.#register();
    if (document.hidden) return;
    if (this.#listens && (this.poll || !this.#feed.isLive())) this.#ask();
    this.#stayActive();
  }

  /** The stats may be old after the page was hidden or offline. */
  #wake() {
    this.#visit.hurry();
    this.#tick();
    if (this.#listens) this.refresh();
  }

  async #ask() {
    const answered = await this.refresh();
    if (!this.#feed.isLive()) this.#say(answered ? "polling" : "offline");
  }

  /** Send a heartbeat if there is no open socket, which would keep the visitor active: a stream does not say whose it is. */
  #stayActive() {
    const nowMs = elapsedMs();
    if (this.#feed.socket.isLive) this.#activeMs = nowMs;
    if (!this.#visit.isRegistered || isNotCounted() || nowMs - this.#activeMs < HEARTBEAT_MS) return;
    this.#activeMs = nowMs;
    post(new URL("/api/visitor/heartbeat", this.#base), this.#visit.who).catch(() => {});
  }

  /** @param {LineState} line */
  #say(line) {
    if (line === this.line) return;
    this.line = line;
    this.#tell();
  }

  #tell() {
    this.#changes.dispatchEvent(new Event("change"));
  }
}
