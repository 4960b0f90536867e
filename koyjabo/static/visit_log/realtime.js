/** Keeps the Live page up to date: the last 60 minutes, the newest visits, and lists of places, pages and communities. */

import { written } from "../webkit/figures.js";
import { LAST, MinuteTooltip } from "../webkit/chart-tooltip.js";
import { minuteOfDay, Newest } from "./newest.js";
import { find, readJson, write } from "../webkit/page.js";
import { placeName } from "../webkit/places.js";
import { nameOf, panel } from "../realtime/panel-line.js";
import "./totals.js";

const TICK_MS = 1_000;
const MINUTE_MS = 60_000;
const MINUTES = LAST + 1;
const TOP = 100; // height of the drawing
const REST = "Other"; // the name of the rest in a list

/** @param {number} minute  since 1970 */
const named = (minute) => minuteOfDay(minute * MINUTE_MS);

/** Bars for the last 60 minutes, oldest first, and their table. The server draws both. */
class Minutes {
  #figure = find("[data-minutes]");
  #bars = this.#figure.querySelectorAll(".bars rect");
  #rows = [...this.#figure.querySelectorAll("tbody tr")].reverse();
  #name = this.#figure.querySelector("thead .number")?.textContent ?? "";
  #first = minuteOf(this.#rows[0]); // minute shown
  /** @type {Map<number, number>} */
  #visits = new Map(this.#rows.map((row) => [minuteOf(row), Number(row.lastElementChild?.getAttribute("data-value"))]));
  #tooltip = new MinuteTooltip(find("[data-minutes] .plot"), (row) => this.#inWords(row), 0.5 / MINUTES);

  /** @param {Record<string, number | null>} minutes  full values by minute  @param {boolean} isWhole */
  take(minutes, isWhole) {
    if (isWhole) this.#visits.clear();
    for (const [minute, visits] of Object.entries(minutes)) this.#visits.set(Number(minute), visits ?? 0);
  }

  /** @param {number} nowMs  by the server's clock */
  draw(nowMs) {
    const first = (this.#first = Math.floor(nowMs / MINUTE_MS) - MINUTES + 1);
    for (const minute of this.#visits.keys()) if (minute < first) this.#visits.delete(minute);
    const most = Math.max(0, ...this.#visits.values());
    this.#bars.forEach((bar, at) => {
      const height = (TOP * this.#at(at)) / Math.max(1, most);
      put(bar, "y", TOP - height);
      put(bar, "height", height);
    });
    this.#rows.forEach((row, at) => showMinute(row, first + at, this.#at(at)));
    write(find("[data-most]"), written(most));
    this.#tooltip.update();
  }

  /** @param {number} row */
  #at(row) {
    return this.#visits.get(this.#first + row) ?? 0;
  }

  /** @param {number} row  @returns {import("../webkit/chart-tooltip.js").Reading} */
  #inWords(row) {
    const lines = [{ name: this.#name, value: written(this.#at(row)), series: "1" }];
    return { title: named(this.#first + row), lines, note: row === LAST ? (this.#figure.dataset.running ?? "") : "" };
  }
}

/** @param {Element} row */
const minuteOf = (row) => Number(row.getAttribute("data-minute"));

/** @param {Element} row  @param {number} minute  @param {number} visits */
function showMinute(row, minute, visits) {
  const [name, cell] = row.children;
  put(row, "data-minute", minute);
  write(name, named(minute));
  put(cell, "data-value", visits);
  write(cell, written(visits));
}

/**
 * Writes a value only if it has changed, because each write triggers a layout.
 * @param {Element} element  @param {string} name  @param {number} value
 */
function put(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/**
 * Values by key as rows, which are kept so that their bars grow. While they have focus, rows are not reordered.
 * @template Value
 */
class Rows {
  #part;
  #body;
  #row;
  #order;
  #fill;
  /** @type {Map<string, Value>} */
  #values = new Map();
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /** @param {HTMLElement} part  has a table, a template for its rows, and a text for an empty one
   * @param {(one: [string, Value], other: [string, Value]) => number} order
   * @param {(row: HTMLElement, entry: [string, Value], all: [string, Value][]) => void} fill
   */
  constructor(part, order, fill) {
    this.#part = part;
    this.#body = /** @type {HTMLElement} */ (part.querySelector("tbody"));
    this.#row = /** @type {HTMLTemplateElement} */ (part.querySelector("template")).content;
    this.#order = order;
    this.#fill = fill;
    part.addEventListener("focusout", () => setTimeout(() => this.#show()));
  }

  /** @param {Record<string, Value | null>} values  null removes one  @param {boolean} isWhole */
  take(values, isWhole) {
    if (isWhole) this.#values.clear();
    for (const [key, value] of Object.entries(values)) value ? this.#values.set(key, value) : this.#values.delete(key);
    this.#show();
  }

  #show() {
    const all = [...this.#values].sort(this.#order), rows = new Map();
    for (const entry of all) {
      const row = this.#rows.get(entry[0]) ?? /** @type {HTMLElement} */ (this.#row.firstElementChild?.cloneNode(true));
      this.#fill(row, entry, all);
      rows.set(entry[0], row);
    }
    if (this.#body.contains(document.activeElement)) return;
    this.#rows = rows;
    this.#body.replaceChildren(...rows.values());
    /** @type {HTMLElement} */ (this.#part.querySelector("[data-nobody]")).hidden = rows.size > 0;
    /** @type {HTMLElement} */ (this.#part.querySelector("table")).hidden = !rows.size;
  }
}

/** @typedef {[string, number]} Count */

/** Shows a number as a bar, unless it is the rest. @param {Element} row  @param {string} name  @param {Count} own  @param {Count[]} all */
function showBar(row, name, [key, count], all) {
  const most = Math.max(...all.map(([other, more]) => (other === REST ? 0 : more)));
  write(/** @type {Element} */ (row.querySelector("span")), name);
  write(/** @type {Element} */ (row.lastElementChild), written(count));
  put(/** @type {Element} */ (row.querySelector("rect")), "width", key === REST ? 0 : (100 * count) / most);
}

/** @param {Count} one  @param {Count} other */
const largest = ([one, more], [other, fewer]) => Number(one === REST) - Number(other === REST) || fewer - more || one.localeCompare(other);

/** @typedef {{name: string, nameBn?: string, online: number, came: number, left: number}} Community */

/** @param {[string, Community]} one  @param {[string, Community]} other */
const busiest = ([, one], [, other]) => other.online - one.online || other.came - one.came || one.name.localeCompare(other.name);

/** @param {HTMLElement} row  @param {[string, Community]} entry */
function showCommunity(row, [id, community]) {
  const { online, came, left } = community;
  const link = /** @type {HTMLAnchorElement} */ (row.querySelector("a"));
  write(link, nameOf(community));
  link.href = (link.dataset.href ?? "").replace("~", id);
  row.querySelectorAll("td").forEach((cell, at) => write(cell, written([online, came, left][at])));
}

const phrases = readJson("phrases");
const minutes = new Minutes();
const newest = new Newest();
const places = new Rows(find("#places"), largest, (row, place, all) => showBar(row, placeName(place[0]), place, all));
const pages = new Rows(find("#pages"), largest, (row, page, all) => showBar(row, phrases.pages[page[0]] ?? page[0], page, all));
const traffic = new Rows(find("#traffic"), busiest, showCommunity);
let isLive = false; // otherwise the newest minutes are unknown

/** @param {import("../realtime/panel-line.js").PanelUpdate} event */
function show(event) {
  isLive = true;
  newest.take(event.visits, event.whole);
  if (event.attended) newest.time(event.attended, event.whole);
  if (event.minutes) minutes.take(event.minutes, event.whole);
  if (event.places) places.take(event.places, event.whole);
  if (event.pages) pages.take(event.pages, event.whole);
  if (event.communities) traffic.take(event.communities, event.whole);
  tick();
}

function tick() {
  if (!isLive) return;
  const nowMs = Date.now() + panel.aheadMs;
  minutes.draw(nowMs);
  newest.tick(nowMs);
}

panel.addEventListener("update", (event) => show(/** @type {CustomEvent} */ (event).detail));
for (const end of ["polled", "lost"]) panel.addEventListener(end, () => (isLive = false));
setInterval(tick, TICK_MS);
