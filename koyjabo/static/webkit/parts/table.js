/** Lists of the panel: clicks open rows, J and K move between them. */

import "./dialog.js"; // first, because SheetAddress follows the clicks it has handled

/** While a sheet is open, the page has the URL of the link that opened it. Closing the sheet is like going back. */
class SheetAddress {
  /** The link whose page the sheet shows. @type {HTMLAnchorElement | null} */
  shown = null;

  constructor() {
    document.addEventListener("click", (event) => this.#follow(event));
    document.addEventListener("close", (event) => this.#leave(event), { capture: true }); // it does not bubble
    window.addEventListener("popstate", () => this.#close());
  }

  /** @param {MouseEvent} event */
  #follow(event) {
    const link = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest("a[data-sheet]"));
    if (!link || !event.defaultPrevented) return; // webkit/parts/dialog.js did not open a sheet
    if (this.shown) history.replaceState(null, "", link.href);
    else history.pushState(null, "", link.href);
    this.shown = link;
  }

  /** @param {Event} event */
  #leave(event) {
    if (!this.shown || !(event.target instanceof HTMLDialogElement) || !event.target.matches(".sheet")) return;
    this.shown.focus();
    this.shown = null;
    history.back();
  }

  #close() {
    this.shown = null;
    /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog.sheet[open]"))?.close();
  }
}

const TYPING = "input, select, textarea, [contenteditable]";
const INTERACTIVE = "a, button, input, label, summary, select";
const STEPS = new Map([["j", 1], ["k", -1]]);

/** @returns {HTMLAnchorElement[]} the link of each row */
const links = () => [.../** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("[data-table] a[data-row]"))];

/** J and K focus the next or previous row, or show it if a sheet is open. @param {KeyboardEvent} event */
function move(event) {
  const step = STEPS.get(event.key.toLowerCase());
  const target = /** @type {Element} */ (event.target);
  if (!step || event.ctrlKey || event.metaKey || event.altKey || target.closest(TYPING)) return;
  const all = links(), open = document.querySelector("dialog[open]");
  const at = all.indexOf(/** @type {HTMLAnchorElement} */ (open ? address.shown : document.activeElement?.closest("tr")?.querySelector("a[data-row]")));
  const next = all[at < 0 && step < 0 ? all.length - 1 : at + step];
  if (!next || (open && at < 0)) return;
  event.preventDefault();
  if (open) next.click();
  else next.focus();
}

/** @param {MouseEvent} event */
function openRow(event) {
  const target = /** @type {Element} */ (event.target);
  const row = target.closest("[data-table] tbody tr");
  if (!row || target.closest(INTERACTIVE) || event.ctrlKey || event.metaKey || event.shiftKey || String(getSelection())) return;
  /** @type {HTMLAnchorElement | null} */ (row.querySelector("a[data-row]"))?.click();
}

const address = new SheetAddress();
document.addEventListener("keydown", move);
document.addEventListener("click", openRow);
