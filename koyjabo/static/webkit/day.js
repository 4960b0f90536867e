/** Today by hour, compared to a usual day. The server draws the chart; this script adds visits to the current hour. */

import { written } from "./figures.js";
import { LivePage } from "./live.js";
import { HourTooltip } from "./chart-tooltip.js";
import { find, offered } from "./page.js";

const TICK_MS = 1_000;
const LEAST = 4; // minimum height of the scale, in visits, as in counting/day.html
const SPREAD_MS = 60_000; // pages request a new day's numbers spread over this time

const parts = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#day, #yesterday"));
const { zone } = find("[data-connection]").dataset;
/** @type {Intl.DateTimeFormatOptions} */
const PARTS = { day: "numeric", hour: "numeric", hourCycle: "h23", timeZone: zone };
const clock = offered(() => new Intl.DateTimeFormat("en", PARTS), { format: (/** @type {number} */ ms) => new Date(ms).toLocaleString("en", PARTS) });

/** The server's local day and hour. @param {number} ms  since 1970 */
function localTime(ms) {
  const [day, hour] = (clock.format(ms).match(/\d+/g) ?? []).map(Number);
  return { day, hour };
}

/** @param {string} [text]  numbers separated by spaces */
const numbers = (text) => text?.split(" ").filter(Boolean).map(Number) ?? [];

export class Day {
  #page = new LivePage();
  /** @type {HTMLElement | null} */ #figure = null;
  /** @type {HourTooltip | undefined} */ #tooltip;
  /** @type {number[]} */ #today = [];
  /** @type {number[]} */ #usual = [];
  #count = 0; // today's visits
  #day = 0; // of the month
  #timer = 0;
  #aheadMs = 0; // how far the server's clock is ahead

  constructor() {
    this.#take();
    find("#day").addEventListener("replaced", () => this.#take());
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** Request the parts that only the server can draw, after a lost connection and on a new day. */
  refresh() {
    this.#page.refresh();
  }

  /** @param {number} visits  today's visits */
  show(visits) {
    if (!this.#figure || visits <= this.#count) return; // fewer at midnight, or in an outdated response
    this.#tick();
    this.#today[localTime(this.#nowMs).hour] += visits - this.#count;
    this.#count = visits;
    this.#draw();
  }

  get #nowMs() {
    return Date.now() + this.#aheadMs;
  }

  #take() {
    this.#figure = document.querySelector("[data-day]");
    if (!this.#figure) { // the database could not be read, so they are requested again
      this.#day = 0;
      return;
    }
    for (const part of parts) part.classList.remove("unknown");
    const { now, count, today, usual } = this.#figure.dataset;
    this.#aheadMs = Number(now) - Date.now();
    this.#day = localTime(Number(now)).day;
    [this.#count, this.#today, this.#usual] = [Number(count), numbers(today), numbers(usual)];
    const plot = /** @type {HTMLElement} */ (this.#figure.querySelector(".plot"));
    this.#tooltip = new HourTooltip(plot, (hour) => this.#inWords(hour));
    this.#tooltip.update(localTime(this.#nowMs).hour);
  }

  /** Request a new day's numbers until they are available. */
  #tick() {
    const { day } = localTime(this.#nowMs);
    if (day === this.#day || this.#timer) return;
    // Parts with focus are not replaced.
    if (document.activeElement instanceof HTMLElement && this.#figure?.contains(document.activeElement)) document.activeElement.blur();
    this.#figure = null;
    for (const part of parts) part.classList.add("unknown");
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.refresh();
    }, 2 * TICK_MS + Math.random() * SPREAD_MS);
  }

  #draw() {
    const most = Math.max(LEAST, ...this.#today, ...this.#usual), { hour } = localTime(this.#nowMs);
    const bars = (/** @type {number[]} */ hours) => hours.map((visits, at) => (visits ? `M${at}.1 100V${100 - (100 * visits) / most}h.8V100` : ""));
    const today = bars(this.#today), drawn = [bars(this.#usual).join(""), today.filter((_, at) => at !== hour).join(""), today[hour]];
    this.#figure?.querySelectorAll("path").forEach((path, at) => path.setAttribute("d", drawn[at]));
    const number = this.#figure?.querySelector("[data-hour]");
    if (number) number.textContent = written(this.#today[hour]);
    this.#tooltip?.update(hour);
  }

  /** @param {number} hour  @returns {import("./chart-tooltip.js").Reading} */
  #inWords(hour) {
    const { name = "", usually = "", running = "" } = this.#figure?.dataset ?? {};
    const now = localTime(this.#nowMs).hour;
    const lines = hour <= now ? [{ name, value: written(this.#today[hour]), series: "1" }] : [];
    if (this.#usual.length) lines.push({ name: usually, value: written(this.#usual[hour]), series: "0" });
    return { title: `${written(hour)}–${written(hour + 1)}`, lines, note: hour === now ? running : "" };
  }
}
