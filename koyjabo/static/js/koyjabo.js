/**
 * Koy Jabo Live for any page of any site: counts the visit, and keeps the stats equal to the server's (docs/client.md).
 *
 * @typedef {object} Stats  the object of GET /api/stats
 * @property {number} totalVisits
 * @property {number} todayVisits
 * @property {number} activeUsers
 * @property {number} uniqueVisitors
 * @property {Record<string, {count: number}>} locations  active visitors by place
 * @property {string} epoch  in base 36
 * @property {number} revision
 * @property {boolean} [stale]
 *
 * @typedef {"connecting" | "live" | "polling" | "offline"} LineState
 * @typedef {(stats: Stats | null, line: LineState) => void} Listener
 *
 * @typedef {object} Options
 * @property {string} [baseUrl]
 * @property {string} [communityId]
 * @property {string} [page]
 * @property {boolean} [counts]
 * @property {boolean} [remember]
 * @property {boolean} [listens]
 * @property {boolean} [poll]
 * @property {Stats | null} [stats]
 */

const FRESH_AT_LOAD_MS = 10_000;
const FRESH_MS = 30_000;
const KEEP_MS = 1_000;
const POLL_MS = 2_000;
const HEARTBEAT_MS = 60_000; // a visitor is active for 5 minutes by default
const ANSWER_LIMIT_MS = 10_000;
const SILENCE_MS = 45_000; // then send a request; the server's pings, every 25 s, are invisible to a page
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 30_000;
const NOT_COUNTED = "koyjabo.doNotCount";
const VISITOR_ID = /^[\w.:-]{1,128}$/;

/**
 * Values may arrive in any order. The newer one has the greater epoch, then total, then revision.
 * @param {Stats} stats
 * @param {Stats | null} shown
 */
export function isNewer(stats, shown) {
  if (!shown) return true;
  if (stats.epoch !== shown.epoch) return parseInt(stats.epoch, 36) > parseInt(shown.epoch, 36);
  if (stats.totalVisits !== shown.totalVisits) return stats.totalVisits > shown.totalVisits;
  return stats.revision >= shown.revision;
}

/** @param {number} length  the number of digits, in base 36 */
function random(length) {
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => (byte % 36).toString(36)).join("");
}

/** @param {string | null} text  @returns {any} null for a text that is not JSON */
function parsed(text) {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

/** Browsers before 2022 do without. */
const limit = () => AbortSignal.timeout?.(ANSWER_LIMIT_MS);

/** Waits until a prerendered page is shown: before that, it has no visitor. */
async function isLookedAt() {
  const page = /** @type {Document & {prerendering?: boolean}} */ (document);
  if (page.prerendering) await new Promise((resolve) => page.addEventListener("prerenderingchange", resolve));
}

/** Growing delays with jitter, so that pages do not reconnect all at once. */
class Backoff {
  #failures = 0;

  /** @returns {number} ms */
  next() {
    const longestMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LONGEST_RETRY_MS);
    return longestMs * (0.8 + Math.random() * 0.2);
  }

  reset() {
    this.#failures = 0;
  }
}

/** A storage of the browser; memory if it is not available. */
class Kept {
  #area;
  #memory = new Map();

  /** @param {"localStorage" | "sessionStorage"} area */
  constructor(area) {
    this.#area = area;
  }

  /** @param {string} key  @returns {string | null} */
  get(key) {
    try {
      return this.#memory.get(key) ?? window[this.#area].getItem(key);
    } catch {
      return null;
    }
  }

  /** @param {string} key  @param {string} value  @returns {boolean} whether the browser has stored it */
  set(key, value) {
    try {
      window[this.#area].setItem(key, value);
      this.#memory.delete(key);
      return true;
    } catch {
      this.#memory.set(key, value);
      return false;
    }
  }

  /** @param {string} key */
  drop(key) {
    this.#memory.delete(key);
    try {
      window[this.#area].removeItem(key);
    } catch {
      // not available
    }
  }
}

const local = new Kept("localStorage");
const session = new Kept("sessionStorage");

const isNotCounted = () => local.get(NOT_COUNTED) !== null;

const newVisitorId = () => `visitor_${Date.now()}_${random(9)}`;

/** @param {boolean} remember  @returns {string} */
function visitorId(remember) {
  const known = (remember ? local.get("visitorId") : null) ?? session.get("visitorId");
  const id = known && VISITOR_ID.test(known) ? known : newVisitorId();
  if (isNotCounted()) return id;
  if (remember && local.set("visitorId", id)) session.drop("visitorId");
  else session.set("visitorId", id);
  return id;
}

/** The one visit of a session. Retries send the same visitId, so it counts once. */
class Visit {
  visitorId;
  who; // as the server is told
  isRegistered = false;
  isDue; // has to be sent, now or later
  #key;
  #url;
  #fields;
  #backoff = new Backoff();
  #dueMs = 0; // by performance.now()
  #notBeforeMs = 0;
  #visitId = random(22);

  /** @param {URL} base  @param {boolean} counts  @param {boolean} remember  @param {Options} fields */
  constructor(base, counts, remember, fields) {
    const id = (this.visitorId = visitorId(remember));
    this.who = isNotCounted() ? { visitorId: newVisitorId() } : { visitorId: id, ...(!remember && { anonymous: true }) };
    this.#key = ["koyjabo.visit", base.host, fields.communityId].join(" ").trim();
    this.#url = new URL("/api/visitor/register", base);
    this.#fields = fields;
    const begun = parsed(session.get(this.#key));
    if (begun?.visitorId === id) {
      this.#visitId = begun.visitId;
      this.isRegistered = begun.isRegistered;
    } else if (counts) this.#keep();
    this.isDue = counts && !this.isRegistered;
  }

  get mayBeSent() {
    return this.isDue && performance.now() >= this.#dueMs;
  }

  /** Retry at once, but not before the server's Retry-After. */
  hurry() {
    if (this.#dueMs < Infinity) this.#dueMs = this.#notBeforeMs;
  }

  /** @returns {Promise<Stats | null>}  null if it was not registered */
  async send() {
    this.#dueMs = Infinity;
    try {
      const response = await this.#post();
      if (response.ok) return this.#answered(await response.json());
      console.warn(`⚠️ Failed to register visit with backend, status: ${response.status}`);
      this.#refused(response);
    } catch (error) {
      console.error("❌ Error registering visit:", error);
      this.#later();
    }
    return null;
  }

  #post() {
    const said = { ...this.who, timestamp: Date.now(), userAgent: navigator.userAgent };
    const body = { ...said, referrer: document.referrer || "direct", visitId: this.#visitId, ...this.#fields };
    return fetch(this.#url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      keepalive: true, // also if the page closes
      signal: limit(),
    });
  }

  /** @param {{stats: Stats}} answer */
  #answered({ stats }) {
    this.isRegistered = true;
    this.isDue = false;
    this.#keep();
    console.log("✅ Visit registered with backend");
    return stats;
  }

  /** @param {Response} response */
  #refused({ status, headers }) {
    if (status < 500 && status !== 429) this.isDue = false; // a retry would be refused as well
    else this.#later(Number(headers.get("Retry-After")) * 1000 || 0);
  }

  #later(atLeastMs = 0) {
    const now = performance.now();
    this.#notBeforeMs = now + atLeastMs;
    this.#dueMs = Math.max(this.#notBeforeMs, now + this.#backoff.next());
  }

  #keep() {
    const { visitorId, isRegistered } = this;
    session.set(this.#key, JSON.stringify({ visitorId, visitId: this.#visitId, isRegistered }));
  }
}

/**
 * @typedef {object} LineHandlers
 * @property {(event: any) => void} hear
 * @property {() => void} lost
 * @property {(socket: WebSocket) => void} [opened]
 * @property {(code: number) => void} [ended]  the server has closed the line for good, with a code from 4000 on
 */

/** A WebSocket that is opened again when it is lost. */
export class Line {
  isLive = false; // an event has arrived since the socket was opened
  #url;
  #handlers;
  #backoff = new Backoff();
  #isOver = false;
  /** @type {WebSocket | null} */
  #socket = null;
  #retry = 0;
  #patience = 0;

  /** @param {URL} url  ws(s) or http(s)  @param {LineHandlers} handlers */
  constructor(url, handlers) {
    this.#url = new URL(url);
    this.#url.protocol = url.protocol.replace("http", "ws");
    this.#handlers = handlers;
  }

  /** @param {AbortSignal} [signal] ends it */
  start(signal) {
    addEventListener("online", () => this.#wake(), { signal });
    addEventListener("offline", () => this.#drop(), { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && this.#comeBack(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake(), { signal });
    signal?.addEventListener("abort", () => this.#end());
    this.#open();
  }

  #open() {
    if (this.#socket || this.#isOver) return;
    clearTimeout(this.#retry);
    const socket = (this.#socket = new WebSocket(this.#url));
    socket.onopen = () => this.#handlers.opened?.(socket);
    socket.onerror = (event) => console.error("WebSocket error:", event);
    socket.onmessage = ({ data }) => socket === this.#socket && this.#take(JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.#socket && this.#closed(code);
    this.#wait(ANSWER_LIMIT_MS, () => this.#drop());
  }

  /** Visible or online again: the connection may be dead. */
  #wake() {
    this.#backoff.reset();
    this.#socket ? this.#ask() : this.#open();
  }

  /** The back/forward cache has closed the socket. */
  #comeBack() {
    this.#close();
    this.#wake();
  }

  /** @param {number} code */
  #closed(code) {
    if (code < 4000) return this.#drop();
    this.#end();
    this.#handlers.ended?.(code);
  }

  #drop() {
    if (this.#isOver) return;
    this.#close();
    this.#retry = setTimeout(() => this.#open(), this.#backoff.next());
    this.#handlers.lost();
  }

  #end() {
    this.#isOver = true;
    this.#close();
  }

  #close() {
    const socket = this.#socket;
    this.#socket = null;
    this.isLive = false;
    clearTimeout(this.#patience);
    clearTimeout(this.#retry);
    socket?.close();
  }

  /** @param {any} event */
  #take(event) {
    this.#wait(SILENCE_MS, () => this.#ask());
    this.#backoff.reset();
    this.isLive = true;
    this.#handlers.hear(event);
  }

  #ask() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send('{"type":"request_count"}');
    this.#wait(ANSWER_LIMIT_MS, () => this.#drop());
  }

  /** @param {number} limitMs  @param {() => void} then */
  #wait(limitMs, then) {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(then, limitMs);
  }
}

export class KoyJabo {
  poll;
  #base;
  #visit;
  #listens;
  #kept;
  #socket;
  #cacheKey;
  #changes = new EventTarget();
  #stopped = new AbortController();
  /** @type {Stats | null} */
  #stats = null;
  /** @type {LineState} */
  #line = "connecting";
  #freshMs = 0; // when the stats came from the server, ms since 1970
  #isKept = true;
  #keptMs = -Infinity;
  #askedMs = -Infinity;
  #activeMs = performance.now();
  /** @type {Promise<boolean> | null} */
  #asking = null;
  /** @type {Promise<void> | null} */
  #registering = null;

  /** @param {Options} [options] */
  constructor({ baseUrl, communityId, page = location.pathname, counts = true, remember = true, listens = true, poll = false, stats = null } = {}) {
    this.#base = new URL(baseUrl ?? new URL(import.meta.url).origin);
    this.#visit = new Visit(this.#base, counts && !isNotCounted(), remember, { communityId, page });
    this.#kept = remember ? local : session;
    const { visitorId, anonymous } = this.#visit.who;
    this.#listens = listens;
    this.#socket = new Line(new URL(anonymous ? "/?anonymous=true" : "/", this.#base), {
      hear: (event) => event.type === "visitor_update" && this.#heard(event.stats),
      lost: () => this.#ask(),
      opened: (socket) => {
        socket.send(JSON.stringify({ type: "visitor", visitorId })); // not in the URL: proxies log it
        console.log("Connected to KoyJabo Analytics Stream");
      },
    });
    this.#cacheKey = `koyjabo.stats ${this.#base.host}`;
    this.poll = poll;
    if (stats) this.#accept(stats, 0);
  }

  /** Applies to this origin, from the next page on. */
  static doNotCount(yes = true) {
    yes ? local.set(NOT_COUNTED, "1") : local.drop(NOT_COUNTED);
  }

  static get isNotCounted() {
    return isNotCounted();
  }

  /** The newest known stats. Refreshes them if they are older than 30 s. */
  get stats() {
    const ageMs = Math.abs(Date.now() - this.#freshMs);
    if (ageMs > FRESH_MS && performance.now() - this.#askedMs > POLL_MS) this.refresh();
    return this.#stats;
  }

  get line() {
    return this.#line;
  }

  get visitorId() {
    return this.#visit.visitorId;
  }

  /**
   * Call `listener` now and at every change.
   * @param {Listener} listener
   * @returns {() => void} ends the subscription
   */
  subscribe(listener) {
    const tell = () => listener(this.#stats, this.#line);
    this.#changes.addEventListener("change", tell);
    tell();
    return () => this.#changes.removeEventListener("change", tell);
  }

  /** Count the visit if it is the first of this session, and open the socket. */
  async start() {
    const { signal } = this.#stopped;
    await isLookedAt();
    if (signal.aborted) return;
    if (!this.#recall(this.#kept.get(this.#cacheKey))) this.#kept.drop(this.#cacheKey);
    addEventListener("storage", ({ key, newValue }) => key === this.#cacheKey && this.#recall(newValue), { signal });
    addEventListener("online", () => this.#wake(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake(), { signal });
    const timer = setInterval(() => this.#tick(), POLL_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    if (isNotCounted()) console.info("This browser is not counted: KoyJabo.doNotCount(false) counts it again");
    if (this.#visit.isDue) console.log("🆕 First visit in this session - registering with backend...");
    await (this.#visit.isDue ? this.#register() : this.refresh());
    if (this.#listens && !signal.aborted) this.#socket.start(signal);
  }

  /** Stop for good. @returns {Promise<void> | null} the registration in progress, if any */
  stop() {
    this.#stopped.abort();
    return this.#registering;
  }

  /**
   * Request the stats. Concurrent calls share one request.
   * @returns {Promise<boolean>} whether the server answered
   */
  refresh() {
    this.#asking ??= this.#fetch().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #fetch() {
    this.#askedMs = performance.now();
    try {
      const response = await fetch(new URL("/api/stats", this.#base), { signal: limit() });
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
    const told = await this.#visit.send();
    if (told) this.#accept(told);
    if (told) this.#print(told);
    const answered = await this.refresh();
    if (!told && answered && this.#stats) this.#print(this.#stats, " [from GET fallback]");
  }

  /** @param {Stats} stats */
  #print({ totalVisits, todayVisits, activeUsers }, whence = "") {
    console.log(`📊 Backend sync - Total: ${totalVisits}, Today: ${todayVisits}, Active: ${activeUsers}${whence}`);
  }

  #tick() {
    if (!this.#isKept) this.#keep();
    if (this.#visit.mayBeSent) this.#register();
    if (document.hidden) return;
    if (this.#listens && (this.poll || !this.#socket.isLive)) this.#ask();
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
    if (!this.#socket.isLive) this.#say(answered ? "polling" : "offline");
  }

  /** Send a heartbeat if there is no open socket, which would keep the visitor active. */
  #stayActive() {
    const now = performance.now();
    if (this.#socket.isLive) this.#activeMs = now;
    if (!this.#visit.isRegistered || isNotCounted() || now - this.#activeMs < HEARTBEAT_MS) return;
    this.#activeMs = now;
    const body = JSON.stringify(this.#visit.who);
    const headers = { "Content-Type": "application/json" };
    fetch(new URL("/api/visitor/heartbeat", this.#base), { method: "POST", headers, body }).catch(() => {});
  }

  /** @param {Stats} stats */
  #heard(stats) {
    this.#accept(stats);
    this.#say("live");
  }

  /** @param {Stats} stats  from push, poll or registration, in any order  @param {number} [freshMs] */
  #accept(stats, freshMs) {
    if (!isNewer(stats, this.#stats)) return;
    const isNews = JSON.stringify(stats) !== JSON.stringify(this.#stats);
    this.#stats = stats;
    this.#freshMs = freshMs ?? Date.now();
    if (freshMs === undefined) this.#keep();
    if (!isNews) return;
    window.dispatchEvent(new CustomEvent("globalStatsUpdated", { detail: stats }));
    this.#tell();
  }

  /** Stores the stats at most every KEEP_MS, to spare slow phones. */
  #keep() {
    const now = performance.now();
    this.#isKept = now - this.#keptMs > KEEP_MS;
    if (!this.#isKept) return;
    this.#keptMs = now;
    this.#kept.set(this.#cacheKey, JSON.stringify({ ...this.#stats, lastUpdated: this.#freshMs }));
  }

  /** @param {string | null} kept  the stats stored by this or another tab  @returns {boolean} whether they are recent */
  #recall(kept) {
    const { lastUpdated, ...stats } = parsed(kept) ?? {};
    const ageMs = Date.now() - lastUpdated;
    const isFresh = ageMs >= 0 && ageMs <= FRESH_AT_LOAD_MS && Number.isFinite(stats.totalVisits);
    if (isFresh) this.#accept(stats, lastUpdated);
    return isFresh;
  }

  /** @param {LineState} line */
  #say(line) {
    if (line === this.#line) return;
    this.#line = line;
    this.#tell();
  }

  #tell() {
    this.#changes.dispatchEvent(new Event("change"));
  }
}
