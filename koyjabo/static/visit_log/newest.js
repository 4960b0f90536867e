/** The newest visits as rows. New ones wait while the list is paused, has the focus, or is under the pointer. */

import { locale, spent, written } from "../webkit/figures.js";
import { find, readJson, write } from "../webkit/page.js";
import { nameOf, panel } from "../realtime/panel-line.js";
import { placeName } from "../webkit/places.js";
import { ago } from "../webkit/parts/ages.js";

const phrases = readJson("phrases");
const timeZone = phrases.zone;
/** Created once, because creating a formatter takes several milliseconds on a phone. */
const minute = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "long", timeZone });

/** @param {number} ms  since 1970  @returns {string} hour and minute */
export const minuteOfDay = (ms) => minute.format(ms);

/** @param {Element} time  @param {number} ms  since 1970  @param {number} aheadMs  of the server's clock */
function showMoment(time, ms, aheadMs) {
  const age = Math.max(0, Date.now() + aheadMs - ms);
  Object.assign(time, { dateTime: new Date(ms).toISOString(), title: exact.format(ms), textContent: ago(age / 1000) });
  time.setAttribute("data-age", String(age));
}

/** @typedef {import("../realtime/panel-line.js").Visit} Visit */

/**
 * Attended time in ms, the moment the page became visible, and "automated" or "acted".
 * @typedef {[number | null, number | null, string]} LiveTime
 */

const WRITTEN_MS = 300_000; // the time of an open page is written at most this late

export class Newest {
  #table = find("[data-newest]");
  #body = /** @type {HTMLTableSectionElement} */ (find("[data-newest] tbody"));
  #row = /** @type {HTMLTemplateElement} */ (find("#visit")).content;
  #button = find("[data-pause]");
  #most = Number(this.#table.dataset.rows);
  #isPaused = false;
  /** @type {Visit[] | null} newest first; null before the first event */
  #visits = null;
  #waiting = 0;
  /** By visit id. @type {Map<string, LiveTime>} */
  #times = new Map();
  #isRedrawn = false; // rows may have lost a name since they were drawn

  constructor() {
    this.#button.hidden = false;
    this.#button.addEventListener("click", () => this.#pause(!this.#isPaused));
    for (const end of ["pointerleave", "focusout"]) this.#table.addEventListener(end, () => setTimeout(() => this.#show()));
    this.#label();
  }

  /** @param {Visit[]} visits  newest first  @param {boolean} isWhole */
  take(visits, isWhole) {
    const known = isWhole ? [] : (this.#visits ?? []), newest = known[0]?.id ?? 0;
    const added = visits.filter(({ id }) => id > newest);
    this.#visits = [...added, ...known].slice(0, this.#most);
    this.#waiting = isWhole ? 0 : this.#waiting + added.length;
    this.#isRedrawn ||= isWhole;
    this.#show();
  }

  /** Takes the changed times; null means the visit is no longer shown. @param {Record<string, LiveTime | null>} times  @param {boolean} isWhole */
  time(times, isWhole) {
    if (isWhole) this.#times.clear();
    for (const [id, time] of Object.entries(times)) time ? this.#times.set(id, time) : this.#times.delete(id);
  }

  /** Updates the attended times of open pages. @param {number} nowMs  by the server's clock */
  tick(nowMs) {
    const opened = new Map((this.#visits ?? []).map(({ id, at }) => [String(id), at]));
    for (const row of this.#body.rows) {
      const id = row.dataset.id ?? "", time = this.#times.get(id), at = opened.get(id);
      if (!time || !at) continue;
      write(/** @type {Element} */ (row.querySelector("[data-field=attended]")), timeOnPage(time, at, nowMs));
      mark(/** @type {Element} */ (row.querySelector("[data-field=mark]")), time[2]);
    }
  }

  get #isHeld() {
    return this.#isPaused || this.#table.matches(":hover") || this.#table.contains(document.activeElement);
  }

  /** @param {boolean} isPaused */
  #pause(isPaused) {
    this.#isPaused = isPaused;
    this.#button.setAttribute("aria-pressed", String(isPaused));
    this.#show();
  }

  #show() {
    this.#label();
    if (this.#isHeld || !this.#visits) return;
    find("[data-no-visits]").hidden = this.#visits.length > 0;
    const shown = new Map(this.#isRedrawn ? [] : [...this.#body.rows].map((row) => [row.dataset.id, row]));
    this.#isRedrawn = false;
    const fresh = this.#waiting;
    this.#waiting = 0;
    this.#label();
    const rows = this.#visits.map((visit) => shown.get(String(visit.id)) ?? this.#draw(visit));
    for (const row of rows.slice(0, fresh)) row.classList.add("arrived");
    if (!fresh && rows.length === this.#body.rows.length && rows.every((row, at) => row === this.#body.rows[at])) return;
    if (!fresh || !rows.slice(fresh).every((row) => row.isConnected)) return this.#body.replaceChildren(...rows);
    this.#body.prepend(...rows.slice(0, fresh)); // other rows are not moved, because their glow would start again
    for (const row of [...this.#body.rows]) if (!rows.includes(row)) row.remove();
  }

  #label() {
    const count = this.#isHeld ? this.#waiting : 0;
    const words = this.#isPaused ? phrases.resume : phrases.pause;
    this.#button.textContent = count ? `${words} · ${phrases.waiting.replace("{count}", written(count))}` : words;
  }

  /** @param {Visit} visit */
  #draw(visit) {
    const row = /** @type {HTMLTableRowElement} */ (this.#row.firstElementChild?.cloneNode(true));
    row.dataset.id = String(visit.id);
    showMoment(/** @type {Element} */ (row.querySelector("time")), visit.at, panel.aheadMs);
    set(row, "ordinal", written(visit.ordinal), visit.ordinal);
    set(row, "place", placeName(visit.place));
    set(row, "page", pageName(visit) || phrases.pages[""]);
    set(row, "user", visit.user?.name, visit.user?.id);
    set(row, "browser", [visit.browser, visit.system].filter(Boolean).join(" · ") || "–");
    set(row, "bot", visit.bot ? phrases.bot : undefined);
    return row;
  }
}

/** Returns the same text as `parameters.page_name` on the server. @param {Visit} visit */
function pageName({ page, community }) {
  const own = community && `/communities/${community.id}`;
  if (!own || !page.startsWith(own)) return page;
  return phrases.community.replace("{name}", () => nameOf(community)) + page.slice(own.length);
}

/**
 * Returns the same text as `ui.time_and_kind` on the server.
 * @param {LiveTime} time  @param {number} at  when the visit was counted, in ms  @param {number} nowMs
 */
function timeOnPage([attended, since], at, nowMs) {
  const seconds = Math.floor(((attended ?? 0) + (since === null ? 0 : Math.max(0, nowMs - since))) / 1_000);
  return seconds || (attended !== null && nowMs - at >= WRITTEN_MS) ? spent(seconds) : "–";
}

/** @param {Element} element  @param {string} kind  "automated", "acted" or "" */
function mark(element, kind) {
  const words = kind && phrases[kind];
  write(element, kind === "acted" ? "✓" : words);
  if (!words || element.ariaLabel === words) return;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", words);
  element.setAttribute("title", words);
}

/**
 * Sets the text of an element and the URL of a link. Without a text, removes the element.
 * @param {Element} row  @param {string} name  @param {string | undefined} text  @param {string | number} [key]
 */
function set(row, name, text, key) {
  const element = /** @type {HTMLElement} */ (row.querySelector(`[data-field="${name}"]`));
  if (text === undefined) return element.remove();
  element.textContent = text || String(key);
  if (element instanceof HTMLAnchorElement) element.href = (element.dataset.href ?? "").replace("~", encodeURIComponent(String(key)));
}
