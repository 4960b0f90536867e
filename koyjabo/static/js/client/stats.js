/** The newest stats, and their copy for the next page. */

import { elapsedMs } from "./requests.js";
import { local, parsed, session } from "./storage.js";

/**
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
 * @typedef {{at: string, place: string | null}} Last  the newest visit
 */

const FRESH_AT_LOAD_MS = 10_000;
const KEEP_MS = 1_000;

/**
 * Values may arrive in any order. The newer one has the greater epoch, then total, then revision.
 * @param {Stats} stats
 * @param {Stats | null} shown
 */
export function isNewer(stats, shown) {
  if (!shown) return true;
  const epochs = parseInt(stats.epoch, 36) - parseInt(shown.epoch, 36);
  return (epochs || stats.totalVisits - shown.totalVisits || stats.revision - shown.revision) >= 0;
}

export class Newest {
  /** @type {Stats | null} */
  stats = null;
  /** @type {Last | null} */
  last = null;
  freshMs = 0; // when the stats came from the server, ms since 1970
  #text = "";
  #area;
  #key;
  #tell;
  #isKept = true;
  #keptMs = -Infinity;

  /** @param {URL} base  @param {boolean} remember  @param {() => void} tell  called at every change */
  constructor(base, remember, tell) {
    this.#area = remember ? local : session;
    this.#key = `koyjabo.stats ${base.host}`;
    this.#tell = tell;
  }

  /** Take what this or another tab has kept. @param {AbortSignal} signal */
  start(signal) {
    if (!this.#recall(this.#area.get(this.#key))) this.#area.drop(this.#key);
    addEventListener("storage", (event) => event.key === this.#key && this.#recall(event.newValue), { signal });
  }

  /**
   * @param {Stats} stats  from push, poll or registration, in any order
   * @param {Last | null} [last]
   * @param {number} [freshMs]  if they do not come from the server now
   */
  accept(stats, last = this.last, freshMs) {
    if (!isNewer(stats, this.stats)) return;
    const before = this.#text;
    this.#text = JSON.stringify([stats, last]);
    this.stats = stats;
    this.last = last;
    this.freshMs = freshMs ?? Date.now();
    this.#isKept = freshMs !== undefined;
    this.keep();
    if (this.#text === before) return;
    dispatchEvent(new CustomEvent("globalStatsUpdated", { detail: stats }));
    this.#tell();
  }

  /** Store the newest stats unless stored: at most every KEEP_MS, to spare slow phones. */
  keep() {
    const nowMs = elapsedMs();
    if (this.#isKept || nowMs - this.#keptMs < KEEP_MS) return;
    this.#isKept = true;
    this.#keptMs = nowMs;
    this.#area.set(this.#key, JSON.stringify({ ...this.stats, lastUpdated: this.freshMs }));
  }

  /** @param {string | null | undefined} kept  @returns {boolean} whether the stats are recent */
  #recall(kept) {
    const { lastUpdated, ...stats } = parsed(kept) ?? {};
    const ageMs = Date.now() - lastUpdated;
    const isFresh = ageMs >= 0 && ageMs <= FRESH_AT_LOAD_MS && stats.totalVisits >= 0;
    if (isFresh) this.accept(stats, undefined, lastUpdated);
    return isFresh;
  }
}
