/** Times as pages show them: ages that tick, with everything in their title, in the zone of the server's days. */

import { locale } from "./figures.js";
import { readJson } from "./page.js";
import { ago } from "./parts/ages.js";

const timeZone = readJson("phrases").zone;

/** @param {number} ms  since 1970  @returns {string} hour and minute */
export const minuteOfDay = (ms) => new Date(ms).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone });

/** @param {Element} time  @param {number} ms  since 1970  @param {number} aheadMs  of the server's clock */
export function showMoment(time, ms, aheadMs) {
  const title = new Date(ms).toLocaleString(locale, { dateStyle: "medium", timeStyle: "long", timeZone });
  const age = Math.max(0, Date.now() + aheadMs - ms);
  Object.assign(time, { dateTime: new Date(ms).toISOString(), title, textContent: ago(age / 1000) });
  time.setAttribute("data-age", String(age));
}
