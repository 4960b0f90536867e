/**
 * Groups of links or cells that are a single tab stop (`data-roving`): the arrow keys, Home and End move between them.
 * In a grid of `data-columns`, ↑ and ↓ move by a row.
 */

const STEPS = new Map([["ArrowUp", -1], ["ArrowLeft", -1], ["ArrowDown", 1], ["ArrowRight", 1], ["Home", -Infinity], ["End", Infinity]]);

/** @param {Element} group  @returns {HTMLElement[]} */
const links = (group) => [.../** @type {NodeListOf<HTMLElement>} */ (group.querySelectorAll("a[href], td[tabindex]"))];

/** @param {Element} group  @param {Element} [stop]  the link that is the tab stop; by default the one with focus, or the current one */
function mark(group, stop) {
  const all = links(group);
  const chosen = stop ?? all.find((link) => link === document.activeElement) ?? all.find((link) => link.ariaCurrent) ?? all[0];
  for (const link of all) link.tabIndex = link === chosen ? 0 : -1;
}

const markAll = () => document.querySelectorAll("[data-roving]").forEach((group) => mark(group));

document.addEventListener("focusin", ({ target }) => {
  const group = /** @type {Element} */ (target).closest("[data-roving]");
  if (group) mark(group, /** @type {Element} */ (target));
});

document.addEventListener("keydown", (event) => {
  const group = /** @type {Element} */ (event.target).closest("[data-roving]"), step = STEPS.get(event.key);
  if (!group || !step || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const all = links(group), at = all.indexOf(/** @type {HTMLElement} */ (event.target));
  const columns = /^Arrow(Up|Down)$/.test(event.key) ? Number(/** @type {HTMLElement} */ (group).dataset.columns ?? 1) : 1;
  event.preventDefault();
  if (columns > 1 && !all[at + step * columns]) return;
  all[Math.min(Math.max(at + step * columns, 0), all.length - 1)]?.focus();
});

document.addEventListener("replaced", markAll);
markAll();

export {}; // a module
