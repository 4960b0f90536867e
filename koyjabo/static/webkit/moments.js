/**
 * Times as shown on pages: ages that tick, with the exact time in the title, in the server's time zone.
 */

import { locale } from "./figures.js";
import { readJson } from "./page.js";
import { ago } from "./parts/ages.js";

const timeZone = readJson("phrases").zone;
/** Created once, because creating a formatter takes several milliseconds on a phone. */
const minute = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "long", timeZone });

/** @param {number} ms  since 1970  @returns {string} hour and minute */
export const minuteOfDay = (ms) => minute.format(ms);

/**
 * @param {Element} time  @param {number} ms  since 1970
 * @param {number} aheadMs  how far the server's clock is ahead
 */
export function showMoment(time, ms, aheadMs) {
  const age = Math.max(0, Date.now() + aheadMs - ms);
  Object.assign(time, { dateTime: new Date(ms).toISOString(), title: exact.format(ms), textContent: ago(age / 1000) });
  time.setAttribute("data-age", String(age));
}
