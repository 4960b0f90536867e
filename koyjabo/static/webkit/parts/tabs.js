/**
 * If a row of tabs is wider than its box: scrolls the current tab into view, and fades the ends that hide more tabs.
 */

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
