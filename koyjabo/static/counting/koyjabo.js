/**
 * Koy Jabo Live for any page of any site: counts the visit, and keeps the stats up to date (docs/client.md). Only this
 * module imports the modules in client/, since `make assets` bundles them into one file.
 */

import { Line } from "./client/line.js";
import { origin } from "./client/origin.js";
import { elapsedMs, onReturn, POLL_MS, request } from "./client/requests.js";
import { isNewer } from "./client/stats.js";
import { doNotCount, isNotCounted, keep, local, parsed, session } from "./client/storage.js";
import { deliver, queue, waiting } from "./client/unsent.js";
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

const FRESH_AT_LOAD_MS = 10_000;
const FRESH_MS = 30_000;
const HEARTBEAT_MS = 60_000; // a visitor is active for 5 minutes by default

export { isNewer, Line };

/** A browser may load a page before showing it. Resolves when it is shown. */
const shown = () => /** @type {any} */ (document).prerendering && new Promise((then) => document.addEventListener("prerenderingchange", then));

export class KoyJabo {
  #options;
  #visit;
  /**
   * Loaded once, so that events keep their order.
   * @type {Promise<ReturnType<typeof import("./koyjabo-queue.js").eventsOf>> | undefined}
   */
  #events;
  /** The site's events, from a socket, or from a stream if no socket can be opened. */
  #socket;
  /** @type {ReturnType<typeof import("./koyjabo-stream.js").stream> | undefined} */
  #stream;
  #area;
  #key; // of the stats stored for the next page
  /** @type {Stats | null} */
  #stats = null;
  #text = "";
  /** The site's newest visit, if the server has sent one. Read only. @type {Last | null} */
  last = null;
  #changes = new EventTarget();
  #stopped = new AbortController();
  /** Read only. @type {LineState} */
  line = "connecting";
  #timer = 0;
  #contactMs = 0; // when the server last received or sent something
  #activeMs = 0;
  /** @type {Promise<boolean> | null} */
  #asking = null;
  /** @type {Promise<void> | null} */
  #registering = null;
  /** @type {(first: Promise<unknown>) => void} */
  #begin = () => {};
  #begun = new Promise((begin) => (this.#begin = begin)); // settled with the first registration or request

  /** @param {Options} [options] */
  constructor(options = {}) {
    const { baseUrl, poll, stats } = (this.#options = options);
    const base = new URL(baseUrl ?? origin());
    const { visitorId, who } = (this.#visit = new Visit(base, options));
    this.visitorId = visitorId;
    this.#area = who.anonymous ? session : local;
    this.#key = `koyjabo.stats ${base.host}`;
    this.#socket = new Line(new URL(who.anonymous ? "/?anonymous=true" : "/", base), {
      hear: (event) => this.#hear(event),
      lost: (isRefused) => {
        this.#ask();
        if (isRefused) this.#loadStream().catch(() => {}); // until then, it polls
        return this.#stream?.replace();
      },
      opened: async (opened) => {
        await this.#begun; // so that the server already knows the visitor
        if (opened.readyState !== 1) return; // it was closed in between
        // Not in the URL, because proxies log it.
        opened.send(JSON.stringify({ type: "visitor", visitorId: who.visitorId }));
        console.log("Connected to KoyJabo Analytics Stream");
      },
    });
    this.poll = poll;
    if (stats) this.#accept(stats, undefined, 0);
  }

  static doNotCount = doNotCount;

  static get isNotCounted() {
    return isNotCounted();
  }

  /** The newest known stats. Refreshes them if they are older than 30 s. */
  get stats() {
    if (elapsedMs() - this.#contactMs > FRESH_MS) this.refresh();
    return this.#stats;
  }

  /** The visitor's own number, once the visit of this session is registered. */
  get visit() {
    return this.#visit.receipt;
  }

  /** Whether this session's visit is registered. Older clients did not store its number. */
  get isCounted() {
    return this.#visit.isRegistered;
  }

  /** How many visits and events of this browser have no response yet. */
  get waiting() {
    return waiting();
  }

  /**
   * Call `listener` now and on every change.
   * @param {Listener} listener
   * @returns {() => void} ends the subscription
   */
  subscribe(listener) {
    const tell = () => listener(this.#stats, this.line);
    this.#changes.addEventListener("change", tell);
    tell();
    return () => this.#changes.removeEventListener("change", tell);
  }

  /** Count the visit if it is the session's first, and open the socket. */
  async start() {
    const { signal } = this.#stopped;
    await shown();
    if (signal.aborted) return;
    this.#recall();
    onReturn(() => this.#wake(), signal);
    this.#timer = setInterval(() => this.#tick(), POLL_MS);
    if (isNotCounted()) console.log("This browser is not counted (KoyJabo.doNotCount)");
    if (this.#options.pageViews) this.#loadEvents().then((events) => events.follow(location.pathname));
    const isLeft = waiting(); // from an earlier page
    const { isDue } = this.#visit;
    if (isDue) console.log("🆕 First visit in this session - registering with backend...");
    this.#begin(isDue ? this.#register() : this.refresh());
    // Do both at the same time, because slow networks need half a second for each response.
    if (this.#listens) this.#socket.start(signal);
    await this.#begun;
    if (isLeft) deliver(1); // unless the server has set a time
  }

  /**
   * Count an event.
   * @param {string} name  of a-z, 0-9 and _
   * @param {Record<string, unknown>} [props]  texts, numbers and booleans
   */
  async track(name, props, page = location.pathname) {
    await shown();
    (await this.#loadEvents()).track(name, props, page);
  }

  #loadEvents() {
    return (this.#events ??= queue().then(({ eventsOf }) => eventsOf(this.#visit, this.#begun, this.#stopped.signal, local)));
  }

  async #loadStream() {
    const { stream } = await import("./koyjabo-stream.js");
    this.#stream ??= stream(this, this.#socket, this.#visit.base, this.#stopped.signal, (event) => this.#hear(event), () => void this.#ask());
  }

  /** Stop for good. @returns {Promise<void> | null} the registration in progress, if any */
  stop() {
    clearInterval(this.#timer);
    this.#stopped.abort();
    return this.#registering;
  }

  /** Load the stats stored by an earlier page, if they are recent. */
  #recall() {
    const { lastUpdated, ...stats } = parsed(this.#area[this.#key]) ?? {};
    const ageMs = Date.now() - lastUpdated;
    if (ageMs >= 0 && ageMs <= FRESH_AT_LOAD_MS) this.#accept(stats, undefined, lastUpdated);
    else delete this.#area[this.#key];
  }

  /**
   * @param {Stats} stats  from push, poll or registration, in any order
   * @param {Last | null} [last]
   * @param {number} [freshMs]  when they were received, ms since 1970; 0 if unknown
   */
  #accept(stats, last = this.last, freshMs = Date.now()) {
    if (!isNewer(stats, this.#stats)) return;
    this.#stats = stats;
    this.last = last;
    if (freshMs) keep(this.#area, this.#key, JSON.stringify({ ...stats, lastUpdated: freshMs }));
    const text = JSON.stringify([stats, last]);
    if (text === this.#text) return;
    this.#text = text;
    dispatchEvent(new CustomEvent("globalStatsUpdated", { detail: stats }));
    this.#tell();
  }

  /**
   * Request the stats. Concurrent calls share one request.
   * @returns {Promise<boolean>} whether the server responded
   */
  refresh() {
    return (this.#asking ??= this.#fetch().finally(() => (this.#asking = null)));
  }

  async #fetch() {
    this.#contactMs = elapsedMs();
    try {
      const response = await request("/api/stats", this.#visit.base);
      if (response.ok) this.#accept(await response.json());
      return response.ok;
    } catch {
      return false;
    }
  }

  #register() {
    return (this.#registering = this.#count().finally(() => (this.#registering = null)));
  }

  async #count() {
    const registered = await this.#visit.send();
    if (registered) {
      this.#accept(registered);
      this.#tell(); // its number
      this.#print(registered);
    }
    if ((await this.refresh()) && !registered) this.#print(/** @type {Stats} */ (this.#stats), " [from GET fallback]");
  }

  /** @param {Stats} stats */
  #print(stats, whence = "") {
    console.log(`📊 Backend sync - Total: ${stats.totalVisits}, Today: ${stats.todayVisits}, Active: ${stats.activeUsers}${whence}`);
  }

  /**
   * @param {{stats?: Stats, last?: Last, milestone?: number}} event  a visitor_update, or another event without stats
   */
  async #hear({ stats, last, milestone }) {
    if (this.#socket.isLive) this.#stream?.close();
    if (!stats) return;
    this.#contactMs = elapsedMs();
    this.#accept(stats, last);
    if (milestone) dispatchEvent(new CustomEvent("koyjaboMilestone", { detail: { milestone } }));
    await this.#begun;
    if (this.#isLive) this.#say("live");
  }

  get #isLive() {
    return this.#socket.isLive || this.#stream?.isLive;
  }

  get #listens() {
    return this.#options.listens !== false;
  }

  #tick() {
    if (this.#visit.isDue) this.#register();
    if (document.hidden) return;
    if (this.#listens && (this.poll || !this.#isLive)) this.#ask();
    this.#stayActive();
  }

  /** Refresh stats that have become old while the page was hidden or offline. */
  #wake() {
    this.#tick();
    if (this.#listens) this.refresh();
  }

  async #ask() {
    const answered = await this.refresh();
    if (!this.#isLive) this.#say(answered ? "polling" : "offline");
  }

  /** Send a heartbeat if no open socket keeps the visitor active. A stream does not identify its visitor. */
  #stayActive() {
    const nowMs = elapsedMs();
    if (this.#socket.isLive || !this.#visit.isRegistered || isNotCounted()) this.#activeMs = nowMs;
    if (nowMs - this.#activeMs < HEARTBEAT_MS) return;
    this.#activeMs = nowMs;
    request("/api/visitor/heartbeat", this.#visit.base, this.#visit.who).catch(() => {});
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
