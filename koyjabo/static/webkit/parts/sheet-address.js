/**
 * While a sheet is open, the page has the URL of the link that opened it. Closing the sheet is like going back.
 */

export class SheetAddress {
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
    if (!link || !event.defaultPrevented) return; // webkit/parts/sheet.js did not open a sheet
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
