/** Cards in a row on a narrow screen: a tab scrolls to its card, and the visible card's tab is the current one. */

import { still } from "../page.js";

/** @param {Element} deck */
const tabsOf = (deck) => /** @type {NodeListOf<HTMLAnchorElement>} */ (deck.querySelectorAll(":scope > nav a:not([hidden])"));

/** @param {Element} cards  the element that was scrolled */
function markDeck(cards) {
  const shown = Math.round(cards.scrollLeft / cards.clientWidth);
  tabsOf(/** @type {Element} */ (cards.parentElement)).forEach((tab, at) => (at === shown ? tab.setAttribute("aria-current", "true") : tab.removeAttribute("aria-current")));
}

document.addEventListener("click", (event) => {
  const tab = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest("[data-deck] > nav a"));
  const deck = tab?.closest("[data-deck]"), cards = deck?.lastElementChild;
  if (!tab || !deck || !cards) return;
  event.preventDefault();
  cards.scrollTo({ left: [...tabsOf(deck)].indexOf(tab) * cards.clientWidth, behavior: still.matches ? "auto" : "smooth" });
});
document.addEventListener("scroll", ({ target }) => target instanceof Element && target.matches("[data-deck] > :last-child") && markDeck(target), { capture: true, passive: true }); // the tabs scroll, too
