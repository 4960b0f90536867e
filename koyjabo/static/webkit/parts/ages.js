/** Ages that tick, such as "12s ago": times with `data-age`, their age when the page was made, in ms. */

import { JUST_NOW_S, justNow, locale, spent } from "../figures.js";
import { offered } from "../page.js";

const LONGEST_MS = 7 * 86_400_000; // older ones show what the server wrote
const TICK_MS = 1_000;
/** @type {[limit: number, length: number, unit: "second" | "minute" | "hour" | "day"][]} */
const UNITS = [[60, 1, "second"], [3_600, 60, "minute"], [86_400, 3_600, "hour"], [Infinity, 86_400, "day"]];

/** @type {Intl.RelativeTimeFormat | undefined} created on first use, because this takes long on a phone */
let words;

/**
 * What the server wrote, and each element's time on the page's own clock, because the device's clock may be wrong.
 * @type {WeakMap<Element, {ms: number, text: string | null}>}
 */
const moments = new WeakMap();

/** @param {number} age_s  @returns {string} "12s ago", in the language of the page */
function ago(age_s) {
  if (age_s < JUST_NOW_S) return justNow;
  const [, length, unit] = UNITS.find(([limit]) => age_s < limit) ?? UNITS[3];
  words ??= offered(() => new Intl.RelativeTimeFormat(locale, { style: "narrow" }), { format: () => spent(Math.floor(age_s)) });
  return words.format(-Math.floor(age_s / length), unit);
}

/** @param {HTMLElement} element  @returns in ms, on the clock of `performance.now()` */
function momentOf(element) {
  const known = moments.get(element);
  if (known !== undefined) return known;
  const age_ms = Number(element.dataset.age || Date.now() - Date.parse(element.getAttribute("datetime") ?? ""));
  const moment = { ms: performance.now() - age_ms, text: element.textContent };
  moments.set(element, moment);
  return moment;
}

function tick() {
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("time[data-age]"))) {
    const written = momentOf(element), age_ms = Math.max(0, performance.now() - written.ms); // also correct for a page that was hidden
    if (document.hidden) continue;
    const text = age_ms > Number(element.dataset.until ?? LONGEST_MS) ? written.text : ago(age_ms / 1_000);
    if (element.textContent !== text) element.textContent = text;
  }
}

setTimeout(tick); // in its own task
setInterval(tick, TICK_MS);
document.addEventListener("visibilitychange", tick);
document.addEventListener("replaced", tick);
