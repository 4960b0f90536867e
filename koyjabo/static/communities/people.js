/** The list of the people online: people who stay keep their elements, and people who leave stay for a moment. */

import { find } from "../webkit/page.js";

const CAME_MS = 60_000;
const LEFT_MS = 8_000;
const MAX_SAID = 3;

const list = () => find("#online-list");

export const items = () => /** @type {HTMLElement[]} */ ([...list().children]);

/**
 * Update the list. People who stay keep their elements, including focus and open menus.
 * @param {HTMLElement[]} next  @param {boolean} isWhole  whether these are all people  @param {number} askedMs  when the
 *   list on the page was made, by the server's clock  @param {boolean} [isSearch]  if so, missing people have not left
 */
export function merge(next, isWhole, askedMs, isSearch = false) {
  const before = items();
  const known = new Map(before.map((item) => [item.dataset.person, item]));
  const listed = new Set(next.map((item) => item.dataset.person));
  const lastKept = before.map((item) => listed.has(item.dataset.person)).lastIndexOf(true), end = next.at(-1);
  // Did the last person shown come from the next page?
  const hasMovedUp = lastKept >= 0 && end && !known.has(end.dataset.person) && Number(end.dataset.since) < askedMs;
  // Missing people after the last one kept may have moved to the next page.
  const lastSure = isWhole || hasMovedUp ? before.length : lastKept;
  for (const [at, item] of before.entries()) {
    if (listed.has(item.dataset.person)) continue;
    if (isSearch || at > lastSure) item.remove();
    else leave(item);
  }
  /** @type {Element | null} */ let at = list().firstElementChild;
  for (const item of next.map((newer) => renewed(known.get(newer.dataset.person), document.adoptNode(newer)))) {
    // People who left stay in place for a moment.
    while (at instanceof HTMLElement && at.dataset.left !== undefined) at = at.nextElementSibling;
    if (item === at) at = at.nextElementSibling;
    else list().insertBefore(item, at);
  }
}

/** @param {string} sentence  with "{names}"  @returns {string} the names of people who have just arrived; "" if none */
export function arrivals(sentence) {
  const came = items().filter((item) => item.dataset.left === undefined && item.dataset.came !== undefined);
  const names = came.slice(0, MAX_SAID).map((item) => item.querySelector("strong")?.textContent);
  return names.length ? `. ${sentence.replace("{names}", names.join(", "))}` : "";
}

/** @param {number} sinceMs  @param {number} nowMs  both by the server's clock */
export const hasCome = (sinceMs, nowMs) => sinceMs >= nowMs - CAME_MS;

/** Remove the marks from people who arrived over a minute ago. @param {number} nowMs  by the server's clock */
export function tick(nowMs) {
  for (const item of items()) if (!hasCome(Number(item.dataset.since), nowMs)) item.removeAttribute("data-came");
}

/** @param {HTMLElement} item */
function leave(item) {
  if (item.dataset.left !== undefined) return;
  item.dataset.left = "";
  item.removeAttribute("data-came");
  setTimeout(() => item.dataset.left !== undefined && item.remove(), LEFT_MS);
}

/** Updates `known` in place. @param {HTMLElement | undefined} known  @param {HTMLElement} newer */
function renewed(known, newer) {
  if (!known) return newer;
  delete known.dataset.left; // the person has come back
  known.dataset.since = newer.dataset.since;
  known.toggleAttribute("data-came", newer.hasAttribute("data-came"));
  const isUsed = known.contains(document.activeElement) || known.querySelector("[open]");
  if (!isUsed) known.replaceChildren(...newer.childNodes);
  return known;
}
