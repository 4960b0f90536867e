/**
 * Koy Jabo Live for any page on any site: counts the visit, and keeps the stats up to date (docs/client.md). Only this
 * module imports the modules in client/, since `make assets` bundles them into one file.
 */

import { addressOf, ownPath } from "./client/address.js";
import { Line } from "./client/line.js";
import { origin } from "./client/origin.js";
import { onPath } from "./client/path.js";
import { FRESH_AT_LOAD_MS, FRESH_MS, isPrepared, on, onReturn, persistently, Poll, POLL_MS, shown } from "./client/requests.js";
import { shared } from "./client/shared.js";
import { isNewer, isStats } from "./client/stats.js";
import { doNotCount, isId, isNotCounted, isPage, keep, local, parsed, session } from "./client/storage.js";
import { deliver, queue, waiting } from "./client/unsent.js";
import { follow } from "./client/views.js";
import { Visit } from "./client/visit.js";

/**
 * @typedef {import("./client/stats.js").Stats} Stats
 * @typedef {import("./client/stats.js").Last} Last
 * @typedef {import("./client/visit.js").Receipt} Receipt
 * @typedef {import("./koyjabo-pages.2.js").PageNumber} PageNumber
 * @typedef {import("./koyjabo-pages.2.js").PagesListener} PagesListener
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

export { isId, isNewer, Line, local, onPath, ownPath, parsed, persistently, session, shared, shown };

/** @param {string | null} [url]  the server, or one of its static files  @returns {URL} ends with a slash, since the server may be below a path */
export const serverAt = (url) => new URL(origin(url).replace(/(\b\/static\/.*)?\/?$/, "/"));

export class KoyJabo {
  #options;
  #visit;
  /**
   * Loaded once, so that events keep their order.
   * @type {Promise<ReturnType<typeof import("./koyjabo-queue.3.js").eventsOf>> | undefined}
   */
  #events;
  /** The site's events, from a socket, or from a stream if no socket can be opened. */
  #socket;
  /** @type {ReturnType<typeof import("./koyjabo-stream.2.js").stream> | undefined} */
  #stream;
  /** @type {ReturnType<typeof import("./koyjabo-pages.2.js").pagesOf> | undefined} */
  #pages;
  /** Loaded once, so that pages that are watched together are sent together. @type {Promise<any> | undefined} */
  #loading;
  #key; // of the stats stored for the next page
  /** @type {Stats | null} */
  #stats = null;
  #text = "";
  /** The site's newest visit, if the server has sent one. Read-only. @type {Last | null} */
  last = null;
  #changes = new EventTarget();
  #stopped = new AbortController();
  /** @type {Promise<void> | undefined} */
  #started;
  /** @type {AbortController | undefined} */
  #inputs;
  /** Read-only. @type {LineState} */
  line = "connecting";
  #timer = 0;
  #contactMs = 0; // when the server last received or sent something
  /** @type {true | undefined} */
  #acted; // and not yet sent
  /** @type {Promise<boolean> | null} */
  #asking = null;
  #polls = new Poll(); // of the stats
  #isFollowing = false; // counts page views
  /** The registration, or else the first request for the stats. @type {Promise<unknown> | undefined} */
  #begun;

  /** @param {Options} [options] */
  constructor(options = {}) {
    const { baseUrl, poll, stats, counts, remember } = (this.#options = { ...options });
    if (counts !== false) this.#options.pageViews ??= true;
    const base = serverAt(baseUrl);
    this.#visit = new Visit(base, options);
    this.#key = `koyjabo.stats ${base.host}`;
    this.#socket = new Line(new URL(remember === false ? "?anonymous=true" : "", base), {
      hear: this.#hear,
      lost: (isRefused) => {
        this.#ask();
        this.#pages?.poll();
        if (isRefused) this.#loadStream(); // until then, it polls
        return this.#stream?.replace();
      },
      opened: async (opened) => {
        this.#pages?.send();
        if (document.hidden || this.#acted) this.#report();
        await this.#begun; // so that the server already knows the visitor
        if (opened.readyState !== 1) return; // it was closed in between
        const { who, knownId } = this.#visit; // not in the URL, because proxies log it
        opened.send(JSON.stringify({ type: "visitor", visitorId: who.visitorId, visitId: knownId }));
        shared.lines?.connected();
      },
    });
    this.poll = poll;
    if (stats) this.#accept(stats, null, 0);
  }

  static doNotCount = doNotCount;

  static get isNotCounted() {
    return isNotCounted();
  }

  get visitorId() {
    return this.#visit.visitorId;
  }

  /** The newest known stats. Refreshes them if they are older than 30 s. */
  get stats() {
    if (Date.now() - this.#contactMs > FRESH_MS && this.#polls.isDue) this.refresh();
    return this.#stats;
  }

  /** The visitor's own visit number, once this session's visit is registered. */
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

  /** Call `listener` now and on every change. @param {Listener} listener @returns {() => void} ends the subscription */
  subscribe(listener) {
    const tell = () => listener(this.#stats, this.line);
    this.#changes.addEventListener("change", tell);
    tell();
    return () => this.#changes.removeEventListener("change", tell);
  }

  /**
   * Call `listener` with the views of all these pages, once they are known and on every change.
   * @param {string[]} paths  of any number; null are the views of a page whose name is no path
   * @param {PagesListener} listener
   * @returns {() => void} ends it
   */
  pages(paths, listener) {
    if (!isPage) return () => {};
    const list = [...paths], ended = new AbortController();
    this.#loading ??= persistently(() => import("./koyjabo-pages.2.js")).then(({ pagesOf }) =>
      (this.#pages = pagesOf(this, { socket: this.#socket, stream: () => this.#stream, base: this.#visit.base, requests: new Poll(), isNewer, shared })));
    this.#loading.then((pages) => pages.watch(list, listener, ended.signal));
    return () => ended.abort();
  }

  /**
   * Count the visit if it is the session's first, and open the socket. Also after `stop`.
   * @returns {Promise<void>}  settles when the visit has been sent
   */
  start() {
    if (this.#stopped.signal.aborted) {
      this.#stopped = new AbortController();
      this.#events = this.#inputs = this.#started = this.#stream = undefined;
      this.#isFollowing = false;
      this.#say("connecting");
    }
    return (this.#started ??= isPage ? this.#start(this.#stopped.signal) : Promise.resolve());
  }

  /** @param {AbortSignal} signal */
  async #start(signal) {
    await shown();
    if (signal.aborted) return;
    const { lastUpdated, ...stored } = parsed(session[this.#key]) ?? {}; // by an earlier page
    if (stored.totalVisits >= 0 && Math.abs(Date.now() - lastUpdated) <= FRESH_AT_LOAD_MS) this.#accept(stored, null, lastUpdated);
    on("visibilitychange", () => this.#report(), signal);
    on("pagehide", () => this.#report(false), signal);
    onReturn(() => this.refresh(), signal); // stats may have become old
    this.#timer = setInterval(this.#tick, POLL_MS);
    if (isNotCounted()) shared.lines?.off();
    const isLeft = waiting(); // from an earlier page
    this.#begin();
    // Do both at the same time, because slow networks need half a second for each response.
    if (this.#listens) this.#socket.start(signal);
    else this.#loadStream();
    await this.#begun;
    if (isLeft) deliver(1); // unless the server has set a time
  }

  /** Count what is to be counted and is not yet. */
  #begin() {
    if (this.#options.pageViews && !this.#isFollowing) {
      this.#isFollowing = true;
      follow(this.#visit, this.#stopped.signal, (page) => this.#visit.view(page, this.#begun));
    }
    if (this.#visit.knownId && !this.#inputs) {
      const { signal } = (this.#inputs = new AbortController());
      on("pointermove wheel touchstart keydown", ({ isTrusted }) => {
        if (!isTrusted) return;
        this.#inputs?.abort();
        this.#acted = true;
        this.#report();
      }, signal);
    }
    if (this.#visit.isDue) this.#begun = this.#register();
    this.#begun ??= this.refresh();
  }

  /**
   * Count the visit of a client made with `counts: false`, for example after consent.
   * @param {boolean} [pageViews]  whether to count page views from now on, which is the default. If they are already
   *   counted, that does not end
   */
  count(pageViews) {
    const options = this.#options, isLate = options.counts === false;
    options.pageViews ||= pageViews ?? options.pageViews ?? true;
    options.counts = true;
    if (isLate) this.#visit.begin();
    if (this.#timer) this.#begin();
    if (isLate && this.#socket.source) this.#socket.reopen(); // a socket names its visit once
  }

  /**
   * Count an event.
   * @param {string} name  may contain a-z, 0-9 and _
   * @param {Record<string, unknown>} [props]  strings, numbers and booleans
   */
  async track(name, props, page = isPage ? ownPath() : "") {
    if (!isPage) return;
    await shown();
    (await this.#loadEvents()).track(name, props, page === `${page}` ? addressOf(page) : page);
  }

  #loadEvents() {
    const { signal } = this.#stopped;
    return (this.#events ??= queue().then(({ eventsOf }) => eventsOf(this.#visit, () => this.#begun, signal, local)));
  }

  /** Use a stream and heartbeats, or only heartbeats if the page does not listen. */
  #loadStream() {
    const { signal } = this.#stopped;
    import("./koyjabo-stream.2.js")
      .then(async ({ stream }) => {
        if (signal.aborted) return;
        this.#stream ??= stream(this, this.#socket, this.#visit, signal, this.#hear, this.#listens, () => this.#pages?.query() ?? "");
        await this.#begun;
        this.#report();
      })
      .catch(() => {});
  }

  /** End what `start` began. @returns {Promise<unknown> | undefined} settles when the visit has been sent */
  stop() {
    this.#timer = /** @type {any} */ (clearInterval(this.#timer));
    this.#stopped.abort();
    this.#inputs?.abort();
    this.#say("offline");
    return this.#begun;
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
    if (!isPrepared()) keep(session, this.#key, JSON.stringify({ ...stats, lastUpdated: freshMs }));
    if (this.#text === (this.#text = JSON.stringify([stats, last]))) return; // nothing has changed
    if (isPage) dispatchEvent(new CustomEvent("globalStatsUpdated", { detail: stats }));
    this.#tell();
  }

  /** Request the stats. Concurrent calls share one request. @returns {Promise<boolean>} whether the server responded */
  refresh() {
    if (!isPage) return Promise.resolve(false);
    this.#contactMs = Date.now();
    return (this.#asking ??= this.#polls.get("api/stats", this.#visit.base)
      .then(async (response) => {
        const stats = response.ok && (await response.json());
        if (!isStats(stats)) return false;
        this.#accept(stats);
        return true;
      })
      .catch(() => false)
      .finally(() => (this.#asking = null)));
  }

  async #register() {
    shared.lines?.first();
    const registered = await this.#visit.send();
    if (registered) {
      this.#accept(registered);
      this.#tell(); // its number
    }
    const stats = ((await this.refresh()) || registered) && this.#stats;
    if (stats) shared.lines?.synced(stats, !registered);
  }

  /**
   * @param {any} event  a visitor_update, which has `stats`, or another event
   */
  #hear = async (event) => {
    const { stats, last, milestone } = event;
    if (this.#socket.isLive) this.#stream?.close();
    this.#pages?.hear(event);
    if (!stats) return;
    this.#contactMs = Date.now();
    this.#accept(stats, last);
    if (milestone) dispatchEvent(new CustomEvent("koyjaboMilestone", { detail: { milestone } }));
    await this.#begun;
    if (this.#isLive) this.#say("live");
  };

  get #isLive() {
    return this.#socket.isLive || this.#stream?.isLive;
  }

  get #listens() {
    return this.#options.listens !== false;
  }

  #tick = () => {
    if (this.#visit.isDue) this.#begun = this.#register();
    if (document.hidden || !this.#listens) return;
    if (this.poll || !this.#isLive) this.#ask();
    this.#pages?.poll();
  };

  async #ask() {
    if (!this.#asking && !this.#polls.isDue) return;
    const line = (await this.refresh()) ? "polling" : "offline";
    if (!this.#isLive) this.#say(line);
  }

  /** Report whether the page is visible, and the first input, over the socket or in a heartbeat. */
  #report(visible = !document.hidden) {
    const { source } = this.#socket, acted = this.#acted;
    if (source?.readyState === 1) this.#acted = source.send(JSON.stringify({ type: "visible", visible, acted }));
    else if (this.#stream?.beat(visible, acted)) this.#acted = undefined;
  }

  /** @param {LineState} line */
  #say(line) {
    if (this.#stopped.signal.aborted) line = "offline"; // nothing moves
    if (line === this.line) return;
    this.line = line;
    this.#tell();
  }

  #tell() {
    this.#changes.dispatchEvent(new Event("change"));
  }
}
