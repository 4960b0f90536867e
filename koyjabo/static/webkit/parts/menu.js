/** Menus with arrow keys, placed where nothing covers them. Without this script, they are plain `<details>`. */

const GAP_PX = 4;

/** @param {Element} menu  @returns {HTMLElement[]} */
const choices = (menu) => [.../** @type {NodeListOf<HTMLElement>} */ (menu.querySelectorAll(".items a, .items button"))].filter((choice) => !hasOwnKeys(choice));

/** @param {Element} element */
const hasOwnKeys = (element) => element.closest("[data-own-keys]") !== null;

/** @param {Element | null} menu */
function close(menu) {
  if (!(menu instanceof HTMLDetailsElement) || !menu.open) return;
  if (menu.querySelector(".items")?.contains(document.activeElement)) menu.querySelector("summary")?.focus();
  menu.open = false;
}

/**
 * Places the menu below the button, above it if there is more room, or over it if neither side has enough. The position
 * is fixed, so that a scrolling table does not cut the menu off.
 * @param {HTMLDetailsElement} menu
 */
function place(menu) {
  const items = /** @type {HTMLElement} */ (menu.querySelector(".items"));
  const button = menu.getBoundingClientRect();
  items.classList.add("placed");
  const { width, height } = items.getBoundingClientRect();
  const page = document.documentElement;
  const isBelow = button.bottom + GAP_PX + height <= page.clientHeight || button.top < page.clientHeight - button.bottom;
  const top = isBelow ? Math.min(button.bottom + GAP_PX, page.clientHeight - height - GAP_PX) : button.top - GAP_PX - height;
  const left = items.matches(".picker") ? button.left : button.right - width;
  items.style.top = `${Math.max(GAP_PX, top)}px`;
  items.style.left = `${Math.max(GAP_PX, Math.min(left, page.clientWidth - width - GAP_PX))}px`;
}

/** Shows the calendar. If it cannot be loaded, the menu has only the date fields. @param {HTMLDetailsElement} menu */
async function showCalendar(menu) {
  const calendar = /** @type {HTMLElement | null} */ (menu.querySelector("[data-calendar]"));
  const module = calendar && (await import("./calendar.js").catch(() => null));
  if (!calendar || !module) return;
  module.show(calendar);
  if (menu.open) place(menu);
}

/** @param {KeyboardEvent} event  @param {HTMLDetailsElement} menu */
function move(event, menu) {
  const all = choices(menu);
  const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[event.key];
  if (next === undefined || !all.length) return;
  event.preventDefault();
  menu.open = true;
  all.at(next % all.length)?.focus();
}

document.addEventListener("keydown", (event) => {
  const target = /** @type {Element} */ (event.target);
  const menu = /** @type {HTMLDetailsElement | null} */ (target.closest("[data-menu]"));
  if (event.key === "Escape") close(menu);
  else if (menu && !hasOwnKeys(target)) move(event, menu);
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("[data-menu][open]")) {
    if (!menu.contains(/** @type {Node} */ (event.target))) close(menu);
  }
});

document.addEventListener("focusout", (event) => {
  const menu = /** @type {Element} */ (event.target).closest("[data-menu]");
  if (menu && event.relatedTarget instanceof Node && !menu.contains(event.relatedTarget)) close(menu);
});

document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLDetailsElement) || !menu.open || !menu.matches("[data-menu]")) return;
    place(menu);
    void showCalendar(menu);
  },
  { capture: true }, // it does not bubble
);

/** Keeps open menus next to their buttons. */
function placeAll() {
  for (const menu of document.querySelectorAll("[data-menu][open]")) place(/** @type {HTMLDetailsElement} */ (menu));
}

document.addEventListener("scroll", placeAll, { capture: true, passive: true });
addEventListener("resize", placeAll);

export {}; // a module
