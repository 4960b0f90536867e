/** Cards in a row on a narrow screen: a tab scrolls to its card, and the visible card's tab is the current one. */

import { still } from "../page.js";

/** @param {Element} deck */
const tabsOf = (deck) => /** @type {NodeListOf<HTMLAnchorElement>} */ (deck.querySelectorAll(":scope > nav a:not([hidden])"));

/** @param {Element} cards  the element that was scrolled */
function markDeck(cards) {
  const shown = Math.round(cards.scrollLeft / cards.clientWidth);
  tabsOf(/** @type {Element} */ (cards.parentElement)).forEach((tab, at) => (at === shown ? tab.setAttribute("aria-current", "true") : tab.removeAttribute("aria-current")));
}

/** @param {HTMLAnchorElement} tab  @param {ScrollBehavior} behavior */
function scrollToCard(tab, behavior) {
  const deck = /** @type {Element} */ (tab.closest("[data-deck]")), cards = /** @type {Element} */ (deck.lastElementChild);
  cards.scrollTo({ left: [...tabsOf(deck)].indexOf(tab) * cards.clientWidth, behavior });
}

/** Scrolls to the card that the page opens with. */
function open() {
  const tab = /** @type {HTMLAnchorElement | null} */ (document.querySelector("[data-deck] > nav a[data-opened]"));
  if (tab) scrollToCard(tab, "instant");
  tab?.removeAttribute("data-opened"); // the reader may scroll on
}

document.addEventListener("replaced", open);
open();
document.addEventListener("click", (event) => {
  const tab = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest("[data-deck] > nav a"));
  if (!tab) return;
  event.preventDefault();
  scrollToCard(tab, still.matches ? "auto" : "smooth");
});
document.addEventListener("scroll", ({ target }) => target instanceof Element && target.matches("[data-deck] > :last-child") && markDeck(target), { capture: true, passive: true }); // the tabs scroll, too
