/** A month above the two date fields of a form. The first choice starts a range; the second ends it and submits. */

import { locale } from "../figures.js";
import { make, offered } from "../page.js";

const DAY_MS = 86_400_000;
const WEEK = 7;
const STEPS = new Map([["ArrowLeft", -1], ["ArrowRight", 1], ["ArrowUp", -WEEK], ["ArrowDown", WEEK]]);
const PAGES = new Map([["PageUp", -1], ["PageDown", 1]]);

/** Days are ISO 8601 strings. @param {Intl.DateTimeFormatOptions} parts */
const format = (parts) => {
  const options = { ...parts, timeZone: "UTC" };
  const { format: write } = offered(() => new Intl.DateTimeFormat(locale, options), { format: (/** @type {Date} */ day) => day.toLocaleString(locale, options) });
  return (/** @type {string} */ day) => write(new Date(day));
};
const inWords = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const monthInWords = format({ month: "long", year: "numeric" });
const weekday = format({ weekday: "short" });
const number = format({ day: "numeric" });

/** @param {string} day  @param {number} days */
const shifted = (day, days) => new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);

/** The same day in another month, or the last day of a shorter month. @param {string} day  @param {number} months */
function monthsLater(day, months) {
  const at = new Date(day), last = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months + 1, 0));
  last.setUTCDate(Math.min(at.getUTCDate(), last.getUTCDate()));
  return last.toISOString().slice(0, 10);
}

/** The Monday on or before this day. @param {string} day */
const monday = (day) => shifted(day, -((new Date(day).getUTCDay() + 6) % WEEK));

/** @type {WeakMap<HTMLElement, Calendar>} */
const calendars = new WeakMap();

/** @param {HTMLElement} place  inside a form with two date fields */
export function show(place) {
  if (!calendars.has(place)) calendars.set(place, new Calendar(place));
}

class Calendar {
  #place;
  #form;
  #first;
  #last;
  #day; // the one that the tab key reaches
  #isBegun = false; // the first day is chosen, but not the last

  /** @param {HTMLElement} place */
  constructor(place) {
    const form = /** @type {HTMLFormElement} */ (place.closest("form"));
    const [first, last] = /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("input[type=date]"));
    this.#place = place;
    this.#form = form;
    this.#first = first;
    this.#last = last;
    this.#day = last.value || last.max;
    place.hidden = false;
    form.addEventListener("change", ({ target }) => this.#go(/** @type {HTMLInputElement} */ (target).value || this.#day, false));
    place.addEventListener("click", ({ target }) => this.#press(/** @type {Element} */ (target).closest("button")));
    place.addEventListener("keydown", (event) => this.#move(event));
    this.#draw();
  }

  /** @param {HTMLButtonElement | null} button */
  #press(button) {
    if (button?.dataset.step) this.#turn(button.dataset.step);
    if (button?.dataset.day) this.#choose(button.dataset.day);
  }

  /** @param {string} step */
  #turn(step) {
    this.#go(monthsLater(this.#day, Number(step)), false);
    /** @type {HTMLElement | null} */ (this.#place.querySelector(`[data-step="${step}"]:enabled, [data-step]:enabled`))?.focus();
  }

  /** @param {string} day */
  #choose(day) {
    const isLast = this.#isBegun;
    if (!isLast || day < this.#first.value) this.#first.value = day;
    if (!isLast || day > this.#first.value) this.#last.value = day;
    this.#isBegun = !isLast;
    this.#go(day, true);
    if (isLast) this.#form.requestSubmit();
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const day = this.#target(event.key);
    if (!day || event.altKey || event.ctrlKey || event.metaKey || !/** @type {Element} */ (event.target).matches("[data-day]")) return;
    event.preventDefault();
    this.#go(day, true);
  }

  /** @param {string} key */
  #target(key) {
    if (key === "Home") return monday(this.#day);
    if (key === "End") return shifted(monday(this.#day), WEEK - 1);
    const step = STEPS.get(key), page = PAGES.get(key);
    return step ? shifted(this.#day, step) : page ? monthsLater(this.#day, page) : undefined;
  }

  /** @param {string} day  @param {boolean} isFocused */
  #go(day, isFocused) {
    const { max } = this.#last;
    this.#day = max && day > max ? max : day;
    this.#draw();
    if (isFocused) /** @type {HTMLElement | null} */ (this.#place.querySelector("[tabindex='0']"))?.focus();
  }

  #draw() {
    const start = `${this.#day.slice(0, 8)}01`, begin = monday(start);
    const weeks = Math.ceil((Date.parse(monthsLater(start, 1)) - Date.parse(begin)) / (WEEK * DAY_MS));
    const days = Array.from({ length: weeks * WEEK }, (_, at) => shifted(begin, at));
    const before = this.#arrow(-1, "‹", this.#place.dataset.before, false);
    const after = this.#arrow(1, "›", this.#place.dataset.after, monthsLater(start, 1) > (this.#last.max || "9"));
    const head = make("div", { class: "month" }, before, make("strong", { "aria-live": "polite" }, monthInWords(start)), after);
    const names = make("tr", {}, ...days.slice(0, WEEK).map((day) => make("th", { scope: "col" }, weekday(day))));
    const rows = Array.from({ length: weeks }, (_, at) => make("tr", {}, ...days.slice(at * WEEK, (at + 1) * WEEK).map((day) => this.#cell(day, start))));
    const table = make("table", { role: "grid", "aria-label": monthInWords(start) }, make("thead", {}, names), make("tbody", {}, ...rows));
    this.#place.replaceChildren(head, table);
  }

  /** @param {number} step  @param {string} sign  @param {string | undefined} label  @param {boolean} isOff */
  #arrow(step, sign, label, isOff) {
    return make("button", { type: "button", class: "plain", "data-step": `${step}`, "aria-label": label ?? "", ...(isOff ? { disabled: "" } : {}) }, sign);
  }

  /** @param {string} day  @param {string} start  first day of the month shown */
  #cell(day, start) {
    const isWithin = this.#first.value <= day && day <= this.#last.value;
    if (day.slice(0, 7) !== start.slice(0, 7)) return make("td");
    const isOff = this.#last.max && day > this.#last.max;
    const attributes = { type: "button", "data-day": day, "aria-label": inWords(day), tabindex: day === this.#day ? "0" : "-1", ...(isOff ? { disabled: "" } : {}) };
    return make("td", { role: "gridcell", "aria-selected": `${isWithin}` }, make("button", attributes, number(day)));
  }
}
