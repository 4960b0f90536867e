/** Scrolls the current tab into view where a line of tabs is wider than the screen. */

for (const tabs of document.querySelectorAll("[data-tabs]")) {
  const current = /** @type {HTMLElement | null} */ (tabs.querySelector("[aria-current]"));
  if (current) tabs.scrollLeft = current.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
}
