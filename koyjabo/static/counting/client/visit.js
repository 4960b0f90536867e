/** The visitor, and this session's visit. */

import { addressOf, ownPath, withoutQuery } from "./address.js";
import { headersFor } from "./posting.js";
import { isPrepared, on } from "./requests.js";
import { shared } from "./shared.js";
import { isId, isNotCounted, isPage, keep, local, parsed, session, storesNothing } from "./storage.js";
import { done, note, queue, send } from "./unsent.js";
import { opened } from "./views.js";

/**
 * @typedef {import("./stats.js").Stats} Stats
 *
 * @typedef {object} Receipt  the visitor's own visit number
 * @property {number} ordinal  number among all visits
 * @property {number} today  number among the visits of the same day
 * @property {string} share  path of the number's page
 *
 * @typedef {object} VisitOptions
 * @property {string} [communityId]
 * @property {string} [page]
 * @property {boolean} [counts]
 * @property {boolean} [pageViews]
 * @property {boolean} [remember]
 * @property {string} [stores]
 * @property {string} [visitorIdKey]
 * @property {string} [sessionKey]
 */

const PATH = "api/visitor/register";

/** A random number with up to 13 digits in base 36. */
function random() {
  try {
    return crypto.getRandomValues(new BigUint64Array(1))[0].toString(36);
  } catch {
    return Math.random().toString(36).slice(2); // the browser forbids it
  }
}

/** Its beginning is the time when the page was opened. */
const newVisitId = () => `${Date.now().toString(36)}-${random()}`;

const newVisitorId = () => `visitor_${Date.now()}_${random().slice(-9)}`;

/**
 * @param {boolean} remember  @param {string} key  storage key
 * @param {boolean} counts  if false, no id is stored  @returns {string}
 */
function visitorId(remember, key, counts) {
  const id = [remember && local[key], session[key]].find(isId) || newVisitorId();
  if (!counts) return id;
  if (remember && keep(local, key, id)) delete session[key];
  else keep(session, key, id);
  return id;
}

/** Whether a page without an id is not the first one of its visit, as far as it can see. Each load of a frame is a visit. */
function isLater() {
  const [{ type } = {}] = /** @type {any[]} */ (performance.getEntriesByType("navigation"));
  return parent === self && (document.referrer.startsWith(`${location.origin}/`) || type === "reload" || type === "back_forward");
}

/** The one visit of a session, or of a page that stores nothing. Retries send the same visitId, so it counts once. */
export class Visit {
  visitorId = "";
  /** @type {any} */
  who = {}; // the visitor, as sent to the server
  /** @type {any} */
  fields;
  isRegistered = false;
  /** @type {Receipt | null} */
  receipt = null;
  visitId = newVisitId();
  #key;
  #options;
  #isToSend = () => true;

  /** @param {URL} base  @param {VisitOptions} options */
  constructor(base, options) {
    this.base = base;
    this.page = options.page;
    this.#options = options;
    this.#key = `koyjabo.visit ${base.host} ${options.communityId ?? ""}`.trim();
    this.begin(options.counts);
  }

  /** Continue the session's visit or begin one, which counts if `counts`, once the page is shown. @param {boolean} [counts] */
  begin(counts = true) {
    if (!isPage) return;
    if (isPrepared()) return on("prerenderingchange", () => {
      this.visitId = newVisitId();
      this.begin(counts);
    });
    const { communityId, pageViews, remember = true, visitorIdKey = "visitorId", sessionKey = "" } = this.#options;
    const hasNoId = storesNothing(), continues = (hasNoId && isLater()) || undefined;
    counts &&= !isNotCounted() && !/^(file|content):/.test(location.protocol);
    this.visitorId = hasNoId ? "" : visitorId(remember, visitorIdKey, counts);
    const sentId = hasNoId ? undefined : isNotCounted() ? newVisitorId() : this.visitorId;
    this.who = { visitorId: sentId, anonymous: hasNoId || !remember || undefined };
    this.fields = { communityId, page: addressOf(this.page), referrer: withoutQuery(document.referrer) || "direct", continues };
    this.isRegistered ||= counts && !!continues && !pageViews; // it belongs to an earlier page's visit, and is not counted
    const begun = parsed(session[this.#key]), isKnown = begun?.visitorId === (sentId ?? "") && isId(begun.visitId);
    if (isKnown) {
      this.visitId = begun.visitId;
      this.receipt = begun.receipt?.ordinal ? begun.receipt : null;
      this.fields = begun.fields ?? this.fields; // a page before this one has no response yet
    } else if (counts) this.#keep();
    this.isRegistered ||= !!(this.receipt || session[sessionKey]); // an older client stores no receipt
    this.isNew = counts && !this.isRegistered; // no page has the server's response
    if (!this.isNew || isKnown) return;
    const path = ownPath(); // the visit's first view
    shared[this.base.href] = { path, visitId: this.visitId, view: opened(path, () => {}) };
  }

  /** Whether page views are counted: not of a visit that the server has refused, or that this page does not count. */
  get isOpen() {
    return !isNotCounted() && (this.isNew || this.isRegistered);
  }

  /** Whether the visit has to be sent, either to be counted or to get its number. */
  get isDue() {
    return this.isNew && !this.isRegistered && this.#isToSend();
  }

  /** The id that the server knows this visit by, if any: older clients stored no id. */
  get knownId() {
    return this.receipt || (this.isNew && !this.fields.continues) ? this.visitId : undefined;
  }

  /**
   * @param {string} visitId  @param {any} fields  @returns {import("../koyjabo-queue.3.js").Entry}
   */
  #registration(visitId, fields) {
    const timestamp = parseInt(visitId, 36); // when it was opened
    const body = {
      ...this.who,
      ...fields,
      visitId,
      timestamp,
      waitedMs: Date.now() - timestamp,
      userAgent: navigator.userAgent,
      webdriver: navigator.webdriver || undefined,
    };
    return { id: visitId, url: new URL(PATH, this.base).href, body };
  }

  /** @returns {Promise<Stats | void>}  undefined if it was not registered; the queue then sends it again */
  async send() {
    const { fields, visitId } = this, entry = this.#registration(visitId, fields);
    this.#isToSend = note(entry);
    const { isSettled, status, body: response, error } = await send(entry);
    if (status === 200 && isSettled) {
      const { visit, stats } = response;
      this.receipt = visit;
      // Ignored crawlers get no receipt, and neither do page views.
      if ((this.isNew = this.isRegistered = !!(visit || fields.continues))) {
        delete visit?.duplicate;
        this.#keep();
        shared.lines?.counted();
      }
      return stats;
    }
    status ? shared.lines?.refused(status) : shared.lines?.failed(error);
    if (isSettled) this.isNew = false; // the error would repeat, and such a visit can have no events
  }

  /**
   * Send a page view of this visit. The page may close at any time: what has no response then is sent by the next page.
   * @param {string} page  @param {Promise<unknown> | undefined} begun  settles when the visit has been sent
   */
  async view(page, begun) {
    const at = Date.now(), id = `${at.toString(36)}-${random()}`;
    const events = [{ id, name: "pageview", page, at }];
    const entry = storesNothing()
      ? this.#registration(id, { ...this.fields, page, referrer: "direct", continues: true })
      : { id, url: new URL("api/events", this.base).href, visit: this.visitId, body: { ...this.who, events } };
    note(entry);
    if (!this.isRegistered) await begun;
    if (!this.isOpen) return done(id);
    if (!this.isRegistered) {
      const { keep, later } = await queue();
      keep(entry);
      return later(1, local); // after the visit
    }
    const { isSettled, status, body } = await send(entry);
    if (isSettled && status !== 200) shared.lines?.dropped(body.error, entry.body);
  }

  /** Headers of what is sent to the server, for parts that have no storage. */
  get headers() {
    return headersFor(this.base.host, local);
  }

  #keep() {
    const { visitorId, visitId, receipt } = this, { sessionKey } = this.#options;
    const fields = receipt ? undefined : this.fields; // so that later pages send the same
    keep(session, this.#key, JSON.stringify({ visitorId, visitId, receipt, fields }));
    if (receipt && sessionKey) keep(session, sessionKey, "1");
  }
}
