/** Ticks the step of the page when the first visit from another host is counted. Each visit changes the total, which other
 * scripts of Overview keep; then the page of the steps is asked.
 */

import { find } from "../webkit/page.js";
import "../webkit/samples.js";

const WRITTEN_MS = 500; // the host is stored just after its visit

const card = find("#step-all"), step = find("#step-page"), total = find('[data-stat="totalVisits"]');
let timer = 0;

/** @param {Document} newer  @param {string} part  of both pages */
const take = (newer, part) => find(part).replaceChildren(.../** @type {Element} */ (newer.querySelector(part)).childNodes);

async function look() {
  if (document.hidden) return document.addEventListener("visibilitychange", look, { once: true });
  timer = 0;
  if (!step?.querySelector("[data-waiting]")) return;
  const response = await fetch(card.dataset.address ?? "", { headers: { Accept: "text/html" } }).catch(() => null);
  if (!response?.ok || response.redirected) return; // the next visit leads to the next question
  const newer = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!newer.querySelector("#step-page [data-seen]") || newer.querySelector("[data-waiting]")) return;
  const isFinished = !newer.querySelector('.steps [data-state="open"]');
  const hadFocus = step.contains(document.activeElement);
  take(newer, isFinished ? "#step-all" : "#step-page");
  if (!isFinished) take(newer, "[data-done]");
  step.dataset.state = "done";
  if (hadFocus) /** @type {HTMLElement} */ (document.querySelector("#step-page summary")).focus();
}

if (step && total) new MutationObserver(() => (timer ||= setTimeout(look, WRITTEN_MS))).observe(total, { childList: true, characterData: true, subtree: true });
