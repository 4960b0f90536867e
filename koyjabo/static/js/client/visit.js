/** The visitor, and the visit of this session. */

import { delay, elapsedMs, post } from "./requests.js";
import { isNotCounted, local, parsed, session } from "./storage.js";
import { done, note, queue } from "./unsent.js";

/**
 * @typedef {import("./stats.js").Stats} Stats
 *
 * @typedef {object} Receipt  the visitor's own number
 * @property {number} ordinal  among all visits
 * @property {number} today  among those of its day
 * @property {string} share  the path of its page
 *
 * @typedef {object} VisitOptions
 * @property {string} [communityId]
 * @property {string} [page]
 * @property {boolean} [counts]
 * @property {boolean} [remember]
 * @property {string} [visitorIdKey]
 * @property {string} [sessionKey]
 */

const VISITOR_ID = /^[\w.:-]{1,128}$/;

/** @param {number} length  the number of digits, in base 36 */
function random(length) {
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => (byte % 36).toString(36)).join("");
}

const newVisitorId = () => `visitor_${Date.now()}_${random(9)}`;

/** @param {boolean} remember  @param {string} key  under which it is kept  @returns {string} */
function visitorId(remember, key) {
  const known = (remember && local.get(key)) || session.get(key);
  const id = known && VISITOR_ID.test(known) ? known : newVisitorId();
  if (isNotCounted()) return id;
  if (remember && local.set(key, id)) session.drop(key);
  else session.set(key, id);
  return id;
}

/** The one visit of a session. Retries send the same visitId, so it counts once. */
export class Visit {
  isRegistered = false;
  /** @type {Receipt | null} */
  receipt = null;
  #key;
  #sessionKey;
  #failures = 0;
  #dueMs = Infinity; // when to send it, by elapsedMs(); not while that is done, nor when it is over
  #notBeforeMs = 0;
  visitId = `${Date.now().toString(36)}-${random(14)}`;

  /** @param {URL} base  @param {VisitOptions} options */
  constructor(base, { communityId, page = location.pathname, counts = true, remember = true, visitorIdKey = "visitorId", sessionKey }) {
    const id = (this.visitorId = visitorId(remember, visitorIdKey));
    /** As the server is told. */
    this.who = { visitorId: isNotCounted() ? newVisitorId() : id, anonymous: !remember || undefined };
    this.#key = `koyjabo.visit ${base.host} ${communityId ?? ""}`.trim();
    this.#sessionKey = sessionKey;
    this.url = new URL("/api/visitor/register", base);
    this.fields = { communityId, page };
    counts &&= !isNotCounted();
    const begun = parsed(session.get(this.#key));
    if (begun?.visitorId === id) {
      this.visitId = begun.visitId;
      this.isRegistered = begun.isRegistered;
      this.receipt = begun.receipt;
    } else if (counts) this.#keep();
    if (sessionKey && session.get(sessionKey)) this.isRegistered = true; // by an older client
    this.isNew = counts && !this.isRegistered; // this page is the first view of the visit
    if (this.isNew) this.#dueMs = 0;
  }

  get isDue() {
    return this.#dueMs <= elapsedMs();
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
      if (response.ok) {
        const { visit: { duplicate, ...receipt }, stats } = await response.json();
        this.isRegistered = true;
        this.receipt = receipt;
        this.#keep();
        done(this.visitId, this.#failures);
        console.log("✅ Visit registered with backend");
        return stats;
      }
      console.warn(`⚠️ Failed to register visit with backend, status: ${response.status}`);
      this.isNew = response.status > 499 || response.status === 429; // others would be refused again, and have no events
      if (this.isNew) this.#later(Number(response.headers.get("Retry-After")) * 1000 || 0);
      else done(this.visitId, this.#failures);
    } catch (error) {
      console.error("❌ Error registering visit:", error);
      this.#later();
      queue(({ deliver }) => deliver(this.#entry));
    }
    return null;
  }

  #post() {
    note(this.#entry);
    return post(this.url, this.#entry.body);
  }

  get #entry() {
    const { who, url, fields, visitId } = this;
    const said = { timestamp: parseInt(visitId, 36), userAgent: navigator.userAgent, referrer: document.referrer || "direct" }; // when it was opened
    return { id: visitId, url: url.href, body: { ...who, ...fields, ...said, visitId } };
  }

  #later(atLeastMs = 0) {
    this.#notBeforeMs = elapsedMs() + atLeastMs;
    this.#dueMs = Math.max(this.#notBeforeMs, elapsedMs() + delay(this.#failures++));
  }

  #keep() {
    const { visitorId, isRegistered, receipt } = this;
    session.set(this.#key, JSON.stringify({ visitorId, visitId: this.visitId, isRegistered, receipt }));
    if (isRegistered && this.#sessionKey) session.set(this.#sessionKey, "1");
  }
}
