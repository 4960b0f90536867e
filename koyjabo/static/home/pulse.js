/** How lively the site is: visits a minute, the time since the last one, a line of the last hour, the total in the title. */

import { JUST_NOW_S, justNow, locale, written } from "../webkit/figures.js";
import { find, readJson, write } from "../webkit/page.js";
import { minuteOfDay } from "./own-visit.js";

/** @typedef {import("../counting/koyjabo.js").Stats} Stats */

const MINUTE_MS = 60_000;
const TICK_MS = 1_000;
const RIPPLE = { duration: 900, easing: "ease-out", pseudoElement: "::before" };
const UNITS = /** @type {const} */ ([["hour", 3600], ["minute", 60], ["second", 1]]);
const WIDTH = 100, BOTTOM = 32, BASE = 30, HIGHEST = 28; // of the drawing, as in webkit/parts.html
const LEAST = 5; // visits a minute for which the height always has room

const since = new Intl.RelativeTimeFormat(locale, { style: "narrow" });
const still = matchMedia("(prefers-reduced-motion: reduce)");
const phrases = readJson("phrases").pulse;

/** @param {number} ms */
function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < JUST_NOW_S) return justNow;
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? UNITS[2];
  return since.format(-Math.floor(seconds / length), unit);
}

/** The visits between two stats, without changes of the total by hand. At midnight today's visits begin anew.
 * @param {Stats} before  @param {Stats} now
 */
function visitsBetween(before, now) {
  const inAll = now.totalVisits - before.totalVisits, today = now.todayVisits - before.todayVisits;
  return Math.max(0, today < 0 ? inAll : Math.min(inAll, today));
}

/** Visits by minute of the last hour, the running one last. */
class LastHour {
  #line = document.querySelector("[data-hour] polyline");
  #area = document.querySelector("[data-hour] polygon");
  /** @type {number[]} */ #sums = [];
  #minute = 0; // of the last sum, since 1970
  #aheadMs = 0; // the server's clock, compared with ours

  /** @param {number[]} sums  @param {number} nowMs  by the server's clock */
  take(sums, nowMs) {
    this.#sums = [...sums];
    this.#aheadMs = nowMs - Date.now();
    this.#minute = Math.floor(nowMs / MINUTE_MS);
  }

  /** @param {number} row  of the line, from 0  @returns {[number, number]} when that minute began, ms since 1970, and its visits */
  minute(row) {
    return [(this.#minute - this.#sums.length + 1 + row) * MINUTE_MS, this.#sums[row] ?? 0];
  }

  get isKnown() {
    return this.#sums.length > 0;
  }

  /** @param {number} visits  of this moment */
  add(visits) {
    if (!this.isKnown) return;
    this.#turn();
    this.#sums[this.#sums.length - 1] += visits;
  }

  /** Visits a minute: of the current one, and as much of the one before as is missing. */
  get rate() {
    const missing = 1 - (this.#nowMs % MINUTE_MS) / MINUTE_MS;
    return Math.round((this.#sums.at(-1) ?? 0) + (this.#sums.at(-2) ?? 0) * missing);
  }

  draw() {
    this.#turn();
    const sums = [...this.#sums.slice(0, -1), this.rate], most = Math.max(LEAST, ...sums), last = sums.length - 1; // the running minute is not over
    const points = sums.map((visits, at) => `${(WIDTH * at) / last},${BASE - (HIGHEST * visits) / most}`).join(" ");
    if (this.#line?.getAttribute("points") === points) return;
    this.#line?.setAttribute("points", points);
    this.#area?.setAttribute("points", `0,${BOTTOM} ${points} ${WIDTH},${BOTTOM}`);
  }

  get #nowMs() {
    return Date.now() + this.#aheadMs;
  }

  /** Begin the minutes that have begun since. */
  #turn() {
    const minute = Math.floor(this.#nowMs / MINUTE_MS), begun = Math.min(Math.max(0, minute - this.#minute), this.#sums.length);
    this.#sums = [...this.#sums.slice(begun), ...Array(begun).fill(0)];
    this.#minute = minute;
  }
}

/** The dot of the line ripples with each change. */
export class Pulse {
  #element = find("[data-pulse]");
  #dot = find("[data-line]");
  #title = document.title;
  #hour = new LastHour();
  /** Is called when it is drawn. */
  drawn = () => {};
  #stats;
  #lastMs = 0; // when the last visit was, by performance.now(); 0 if that is not known
  #isOld;

  /** @param {Stats} stats  that the page shows  @param {{nowMs: number, hour: number[] | null, lastAgeMs: number | null}} known  of the server */
  constructor(stats, { nowMs, hour, lastAgeMs }) {
    this.#stats = stats;
    this.#isOld = !hour || Math.abs(Date.now() - nowMs) > MINUTE_MS; // a copy of the page, or a wrong clock
    if (hour) this.#take(hour, nowMs, lastAgeMs);
    this.#entitle();
    setInterval(() => this.#tell(), TICK_MS);
  }

  /** @param {Stats} stats  the newest ones */
  show(stats) {
    const visits = visitsBetween(this.#stats, stats);
    this.#stats = stats;
    this.#entitle();
    this.#ripple();
    if (!visits) return;
    this.#lastMs = performance.now();
    this.#hour.add(visits);
    this.#tell();
  }

  /** @param {number} row  of the line, from 0  @returns {[string, string]} the time of that minute and its visits, to be read */
  minute(row) {
    const [beganMs, visits] = this.#hour.minute(row);
    return [minuteOfDay(beganMs), written(visits)];
  }

  /** @param {boolean} isLive  after a time without a line, the minutes of that time are not known */
  async follow(isLive) {
    const isDue = isLive && this.#isOld;
    this.#isOld = !isLive;
    if (isDue && !(await this.#refresh().catch(() => false))) this.#isOld = true;
  }

  /** @returns {Promise<boolean>} whether the server answered */
  async #refresh() {
    const answer = await fetch("/api/pulse");
    if (!answer.ok) return false;
    const { hour, last } = await answer.json(), nowMs = Date.parse(answer.headers.get("Date") ?? "") || Date.now();
    this.#take(hour, nowMs, last && nowMs - Date.parse(last.at));
    return true;
  }

  /** @param {number[]} hour  @param {number} nowMs  @param {number | null} lastAgeMs */
  #take(hour, nowMs, lastAgeMs) {
    this.#hour.take(hour, nowMs);
    this.#lastMs = lastAgeMs === null ? 0 : performance.now() - lastAgeMs;
    this.#tell();
  }

  #entitle() {
    document.title = `${written(this.#stats.totalVisits)} · ${this.#title}`;
  }

  #ripple() {
    if (still.matches) return;
    const color = getComputedStyle(this.#dot).getPropertyValue("--accent");
    this.#dot.animate({ boxShadow: [`0 0 0 0 ${color}`, "0 0 0 .6rem transparent"] }, RIPPLE);
  }

  #tell() {
    if (!this.#hour.isKnown) return;
    this.#hour.draw();
    this.drawn();
    const parts = [phrases.rate.replace("{count}", written(this.#hour.rate))];
    if (this.#lastMs) parts.push(phrases.last.replace("{age}", ago(performance.now() - this.#lastMs)));
    write(this.#element, parts.join(" · "));
  }
}
