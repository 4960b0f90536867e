/**
 * Koy Jabo Live for any page of any site: counts the visit, and keeps the numbers equal to the server's.
 *
 *     const koyjabo = new KoyJabo();
 *     koyjabo.subscribe((stats, line) => { … });
 *     koyjabo.start();
 *
 * @typedef {object} Stats  GET /api/stats: the numbers at one revision
 * @property {number} totalVisits
 * @property {number} todayVisits
 * @property {number} activeUsers
 * @property {number} uniqueVisitors
 * @property {Record<string, {count: number}>} locations  active visitors by place
 * @property {string} epoch  in base 36; a greater one is another count
 * @property {number} revision  ms since 1970
 * @property {boolean} [stale]  the last numbers the server could read
 *
 * @typedef {"connecting" | "live" | "polling" | "offline"} LineState
 * @typedef {(stats: Stats | null, line: LineState) => void} Listener
 *
 * @typedef {object} Options
 * @property {string} [baseUrl]  if not said, where this module came from
 * @property {string} [communityId]  counts the visit for this community, too
 * @property {string} [page]  the path that was opened
 * @property {boolean} [counts]  false for a page that only looks
 * @property {boolean} [listens]  false for a page that shows other numbers: no socket, no polls
 * @property {boolean} [poll]  ask every 2 s even while the socket is up
 * @property {Stats | null} [stats]  what the page shows already
 */

const FRESH_AT_LOAD_MS = 10_000;
const FRESH_MS = 30_000;
const KEEP_MS = 1_000;
const POLL_MS = 2_000;
const HEARTBEAT_MS = 60_000; // the server forgets who was active after 5 minutes
const ANSWER_LIMIT_MS = 10_000;
const SILENCE_MS = 45_000; // the server's pings, which a page does not see, come every 25 s: ask whether it is there
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 30_000;
const VISITOR_ID = /^[\w.:-]{1,128}$/;

/**
 * Values may overtake each other: epoch, then total, then revision say which is newer.
 * @param {Stats} stats
 * @param {Stats | null} shown
 */
export function isNewer(stats, shown) {
  if (!shown) return true;
  if (stats.epoch !== shown.epoch) return parseInt(stats.epoch, 36) > parseInt(shown.epoch, 36);
  if (stats.totalVisits !== shown.totalVisits) return stats.totalVisits > shown.totalVisits;
  return stats.revision >= shown.revision;
}

/** @param {number} length  of digits in base 36 */
function random(length) {
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => (byte % 36).toString(36)).join("");
}

/** @param {string | null} text  @returns {any} null for what is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

/** Ends a request that is not answered; browsers before 2022 have to wait. */
const limit = () => AbortSignal.timeout?.(ANSWER_LIMIT_MS);

/** A page that the browser only prepared, in case, has no visitor yet. */
async function isLookedAt() {
  const page = /** @type {Document & {prerendering?: boolean}} */ (document);
  if (page.prerendering) await new Promise((resolve) => page.addEventListener("prerenderingchange", resolve));
}

/** Longer each time, and not everybody at the same moment. */
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

/** What the browser keeps, or else the page. */
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

  /** @param {string} key  @param {string} value  @returns {boolean} whether it is kept */
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
      // There is nothing kept.
    }
  }
}

const local = new Kept("localStorage");
const session = new Kept("sessionStorage");

/** @returns {string} */
function visitorId() {
  const known = local.get("visitorId") ?? session.get("visitorId");
  const id = known && VISITOR_ID.test(known) ? known : `visitor_${Date.now()}_${random(9)}`;
  if (local.set("visitorId", id)) session.drop("visitorId");
  else session.set("visitorId", id); // at least it outlives a reload
  return id;
}

/** The one visit of a session. However often it is sent, it has one name, and counts once. */
class Visit {
  visitorId = visitorId();
  isRegistered = false;
  isDue; // to be sent, now or later
  #key;
  #url;
  #fields;
  #backoff = new Backoff();
  #dueMs = 0; // by performance.now(), which nobody sets
  #notBeforeMs = 0;
  #visitId = random(22);

  /** @param {URL} base  @param {boolean} counts  @param {Pick<Options, "communityId" | "page">} fields */
  constructor(base, counts, fields) {
    this.#key = ["koyjabo.visit", base.host, fields.communityId].join(" ").trim();
    this.#url = new URL("/api/visitor/register", base);
    this.#fields = fields;
    const begun = parsed(session.get(this.#key));
    if (begun?.visitorId === this.visitorId) {
      this.#visitId = begun.visitId;
      this.isRegistered = begun.isRegistered;
    } else this.#keep();
    this.isDue = counts && !this.isRegistered;
  }

  get mayBeSent() {
    return this.isDue && performance.now() >= this.#dueMs;
  }

  /** The network is back: only what the server has said is waited for. */
  hurry() {
    if (this.#dueMs < Infinity) this.#dueMs = this.#notBeforeMs;
  }

  /** @returns {Promise<Stats | null>}  null when it was not registered; it may then be due again later */
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
    const { visitorId } = this;
    const said = { visitorId, timestamp: Date.now(), userAgent: navigator.userAgent };
    const body = { ...said, referrer: document.referrer || "direct", visitId: this.#visitId, ...this.#fields };
    return fetch(this.#url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      keepalive: true, // who leaves at once was here nevertheless
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
    if (status < 500 && status !== 429) this.isDue = false; // it would be refused again
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
 * @typedef {object} Ears  what somebody wants to know of a line
 * @property {(event: any) => void} hear  each event, as the server tells it
 * @property {() => void} lost  it is opened again by itself
 * @property {() => void} [opened]
 * @property {(code: number) => void} [ended]  the server has said why it must not be opened again (4000 and over)
 */

/** A socket, opened again whenever it is lost. */
export class Line {
  isLive = false; // somebody has said something
  #url;
  #ears;
  #backoff = new Backoff();
  #isOver = false;
  /** @type {WebSocket | null} */
  #socket = null;
  #retry = 0;
  #patience = 0;

  /** @param {URL} url  of http(s), too  @param {Ears} ears */
  constructor(url, ears) {
    this.#url = new URL(url);
    this.#url.protocol = url.protocol.replace("http", "ws");
    this.#ears = ears;
  }

  /** Open it, and go by what the browser says of the network and the page. @param {AbortSignal} [signal] ends it */
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
    socket.onopen = () => this.#ears.opened?.();
    socket.onerror = (event) => console.error("WebSocket error:", event);
    socket.onmessage = ({ data }) => socket === this.#socket && this.#take(JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.#socket && this.#closed(code);
    this.#wait(ANSWER_LIMIT_MS, () => this.#drop());
  }

  /** Somebody looks again, or the network is back: the line may have died without saying so. */
  #wake() {
    this.#backoff.reset();
    this.#socket ? this.#ask() : this.#open();
  }

  /** The browser had put the page aside, and closed its socket. */
  #comeBack() {
    this.#close();
    this.#wake();
  }

  /** @param {number} code */
  #closed(code) {
    if (code < 4000) return this.#drop();
    this.#end();
    this.#ears.ended?.(code);
  }

  /** Give up what there is, and try again later. */
  #drop() {
    if (this.#isOver) return;
    this.#close();
    this.#retry = setTimeout(() => this.#open(), this.#backoff.next());
    this.#ears.lost();
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
    this.#ears.hear(event);
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
  /** Ask every 2 s even while the socket is up; a view may want that for as long as it is open. */
  poll;
  #base;
  #visit;
  #listens;
  #socket;
  #cacheKey;
  #changes = new EventTarget();
  #stopped = new AbortController();
  /** @type {Stats | null} */
  #stats = null;
  /** @type {LineState} */
  #line = "connecting";
  #freshMs = 0; // when the server last said so, since 1970
  #isKept = true;
  #keptMs = -Infinity;
  #askedMs = -Infinity;
  #activeMs = performance.now();
  /** @type {Promise<boolean> | null} */
  #asking = null;
  /** @type {Promise<void> | null} */
  #registering = null;

  /** @param {Options} [options] */
  constructor({ baseUrl, communityId, page = location.pathname, counts = true, listens = true, poll = false, stats = null } = {}) {
    this.#base = new URL(baseUrl ?? new URL(import.meta.url).origin);
    this.#visit = new Visit(this.#base, counts, { communityId, page });
    const url = new URL(`/?visitorId=${encodeURIComponent(this.#visit.visitorId)}`, this.#base);
    this.#listens = listens;
    this.#socket = new Line(url, {
      hear: (event) => event.type === "visitor_update" && this.#heard(event.stats),
      lost: () => this.#ask(),
      opened: () => console.log("Connected to KoyJabo Analytics Stream"),
    });
    this.#cacheKey = `koyjabo.stats ${this.#base.host}`;
    this.poll = poll;
    if (stats) this.#accept(stats, 0);
  }

  /** The newest numbers there are; they are asked for again when they are older than 30 s. */
  get stats() {
    const ageMs = Math.abs(Date.now() - this.#freshMs); // somebody may have set the clock back
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
   * Be told what there is now, and of every change.
   * @param {Listener} listener
   * @returns {() => void} ends it
   */
  subscribe(listener) {
    const tell = () => listener(this.#stats, this.#line);
    this.#changes.addEventListener("change", tell);
    tell();
    return () => this.#changes.removeEventListener("change", tell);
  }

  /** Count the visit if it is the first of this session, and listen. */
  async start() {
    const { signal } = this.#stopped;
    await isLookedAt();
    if (signal.aborted) return;
    if (!this.#recall(local.get(this.#cacheKey))) local.drop(this.#cacheKey);
    addEventListener("storage", ({ key, newValue }) => key === this.#cacheKey && this.#recall(newValue), { signal });
    addEventListener("online", () => this.#wake(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake(), { signal });
    const timer = setInterval(() => this.#tick(), POLL_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    if (this.#visit.isDue) console.log("🆕 First visit in this session - registering with backend...");
    await (this.#visit.isDue ? this.#register() : this.refresh());
    if (this.#listens && !signal.aborted) this.#socket.start(signal);
  }

  /** For good. @returns {Promise<void> | null} a visit that is on its way */
  stop() {
    this.#stopped.abort();
    return this.#registering;
  }

  /**
   * Ask the server for the numbers; who asks meanwhile shares the answer.
   * @returns {Promise<boolean>} whether it answered
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

  /** What nobody looked at may be old, and a live line dead. */
  #wake() {
    this.#visit.hurry();
    this.#tick();
    if (this.#listens) this.refresh();
  }

  async #ask() {
    const answered = await this.refresh();
    if (!this.#socket.isLive) this.#say(answered ? "polling" : "offline");
  }

  /** An open socket keeps its visitor active; without one, this does. */
  #stayActive() {
    const now = performance.now();
    if (this.#socket.isLive) this.#activeMs = now;
    if (!this.#visit.isRegistered || now - this.#activeMs < HEARTBEAT_MS) return;
    this.#activeMs = now;
    const body = JSON.stringify({ visitorId: this.#visit.visitorId });
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

  /** A storm is more than a cheap phone can write; the last of it is kept at the next tick. */
  #keep() {
    const now = performance.now();
    this.#isKept = now - this.#keptMs > KEEP_MS;
    if (!this.#isKept) return;
    this.#keptMs = now;
    local.set(this.#cacheKey, JSON.stringify({ ...this.#stats, lastUpdated: this.#freshMs }));
  }

  /** @param {string | null} kept  by this tab or another  @returns {boolean} whether it is young enough to be shown */
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
