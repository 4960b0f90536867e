/** "You are visit no. 4,001, the 145th today", and the link to share it. */

import { locale, written } from "../webkit/figures.js";
import { KoyJabo } from "../counting/koyjabo.js";
import { find, make, offered, readJson } from "../webkit/page.js";

/** @typedef {import("../counting/koyjabo.js").Stats} Stats */

const LATE_MS = 60_000;

/** Suffixes of ordinal numbers, by Unicode CLDR plural category. @type {Record<string, Record<string, string>>} */
const ENDS = {
  "en": { one: "st", two: "nd", few: "rd", other: "th" },
  "bn-BD": { one: "ম", two: "য়", few: "র্থ", many: "ষ্ঠ", other: "তম" },
};
const kinds = offered(() => new Intl.PluralRules(locale, { type: "ordinal" }), { select: () => "other" });
const phrases = readJson("phrases").own;
const timeZone = find("[data-connection]").dataset.zone;

/** @param {number} ms  since 1970 */
export const minuteOfDay = (ms) => new Date(ms).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone });

/** @param {number} number  @returns {string} such as "145th" */
const nth = (number) => written(number) + ENDS[locale][kinds.select(number)];

/** Whether a visit was today: a page may stay open past midnight. @param {number} ordinal  @param {Stats} stats */
const isOfToday = (ordinal, { totalVisits, todayVisits }) => ordinal > totalVisits - todayVisits;

/**
 * A sentence with emphasised values.
 * @param {string} phrase  has the names of values in braces  @param {Record<string, string>} values
 */
export function sentence(phrase, values) {
  return phrase.split(/\{(\w+)\}/).map((part, at) => {
    return at % 2 === 0 ? part : make("strong", {}, values[part]);
  });
}

export class OwnVisit {
  #words = find("[data-own]");
  #link = /** @type {HTMLAnchorElement} */ (find("[data-share]"));
  #shown = "";
  #countedMs = 0; // when this page first knew its number

  constructor() {
    this.#link.addEventListener("click", (event) => {
      const { href, dataset } = this.#link;
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      import("../counting/sharing.js").then(({ share }) => share(href, dataset.styles ?? "")).catch(() => location.assign(href));
    });
  }

  /**
   * @param {KoyJabo} koyjabo  @param {Stats} stats
   * @param {boolean} isOver  whether the first attempt to register has ended
   */
  show({ visit, isCounted, line }, stats, isOver) {
    if (visit) this.#showNumber(visit, stats);
    else if (KoyJabo.isNotCounted) {
      this.#link.hidden = true;
      this.#write(phrases.notCounted);
    } else if (line === "offline") this.#write(phrases.waits);
    else if (isCounted) this.#write(phrases.oneOf, { today: written(stats.todayVisits) });
    else if (isOver) this.#write(phrases.notSaved);
  }

  /** @param {import("../counting/client/visit.js").Receipt} visit  @param {Stats} stats */
  #showNumber({ ordinal, today, share }, stats) {
    this.#link.href = share;
    this.#countedMs ||= Date.now();
    const openedMs = performance.timeOrigin, hasWaited = this.#countedMs - openedMs > LATE_MS;
    const phrase = today && isOfToday(ordinal, stats) ? phrases.number : phrases.numberAlone;
    const values = { ordinal: written(ordinal), today: nth(today) };
    if (!hasWaited) return this.#write(phrase, values);
    const times = { opened: minuteOfDay(openedMs), counted: minuteOfDay(this.#countedMs) };
    this.#write(`${phrase} ${phrases.late}`, { ...values, ...times });
  }

  /** @param {string} phrase  @param {Record<string, string>} [values] */
  #write(phrase, values = {}) {
    const shown = phrase + Object.values(values);
    if (shown === this.#shown) return; // avoids repeated announcements by screen readers
    this.#shown = shown;
    this.#words.replaceChildren(...sentence(phrase, values));
  }
}
