/**
 * If a row of tabs is wider than its box: scrolls the current tab into view, and fades the ends that hide more tabs.
 * Cards in a row on a narrow screen: a tab scrolls to its card, and the visible card's tab is the current one.
 */

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {Element} deck */
const tabsOf = (deck) => /** @type {NodeListOf<HTMLAnchorElement>} */ (deck.querySelectorAll(":scope > nav a"));

/** @param {Element} cards  the element that was scrolled */
function markDeck(cards) {
  const nav = /** @type {HTMLElement} */ (cards.previousElementSibling), tabs = tabsOf(/** @type {Element} */ (cards.parentElement));
  const shown = Math.round(cards.scrollLeft / cards.clientWidth);
  tabs.forEach((tab, at) => (at === shown ? tab.setAttribute("aria-current", "true") : tab.removeAttribute("aria-current")));
  const tab = tabs[shown];
  if (tab) nav.scrollLeft = tab.offsetLeft - (nav.clientWidth - tab.offsetWidth) / 2;
}

document.addEventListener("click", (event) => {
  const tab = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest("[data-deck] > nav a"));
  const deck = tab?.closest("[data-deck]"), cards = deck?.lastElementChild;
  if (!tab || !deck || !cards) return;
  event.preventDefault();
  cards.scrollTo({ left: [...tabsOf(deck)].indexOf(tab) * cards.clientWidth, behavior: still.matches ? "auto" : "smooth" });
});
document.addEventListener("scroll", ({ target }) => target instanceof Element && target.matches("[data-deck] > :last-child") && markDeck(target), { capture: true, passive: true }); // the tabs scroll, too

const widths = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target)));

/** @param {Element} tabs */
function mark(tabs) {
  const rest = tabs.scrollWidth - tabs.clientWidth - tabs.scrollLeft;
  tabs.toggleAttribute("data-before", tabs.scrollLeft > 1);
  tabs.toggleAttribute("data-after", rest > 1);
}

/** @param {HTMLElement} tabs */
function prepare(tabs) {
  const current = /** @type {HTMLElement | null} */ (tabs.querySelector("[aria-current]"));
  if (current) tabs.scrollLeft = current.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
  widths.observe(tabs);
}

const prepareAll = () => /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-tabs]")).forEach(prepare);

prepareAll();
document.addEventListener("replaced", prepareAll);
document.addEventListener("scroll", ({ target }) => target instanceof Element && target.matches("[data-tabs]") && mark(target), { capture: true, passive: true });

export {}; // a module
