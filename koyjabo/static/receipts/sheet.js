/** A receipt at the side of the page, updated while it is open. */

import "../webkit/parts/ages.js";
import { make } from "../webkit/page.js";
import { openDialog, styled } from "../webkit/parts/dialog.js";

const REFRESH_MS = 5_000, REST_MS = 1_000;

/** @type {HTMLDialogElement | undefined} */ let sheet;
let shown = ""; // the address of the receipt
let isAsked = false, isBusy = false;

/** Throws if the receipt cannot be loaded. @param {HTMLAnchorElement} link */
export async function showReceipt(link) {
  const [lines] = await Promise.all([linesOf(link.href), styled(link.dataset.receipt ?? "")]);
  shown = link.href;
  sheet ??= made(link.title || (link.textContent ?? ""));
  put(sheet, lines);
  openDialog(sheet);
}

/** @param {string} url  @returns {Promise<Element>} */
async function linesOf(url) {
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  const lines = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-sheet-content]");
  if (!response.ok || !lines) throw new Error(url);
  return lines;
}

/** @param {HTMLDialogElement} dialog  @param {Element} lines */
function put(dialog, lines) {
  dialog.querySelector(".content")?.replaceChildren(...lines.childNodes);
  dialog.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
}

/** Refresh after each push, at most once every REST_MS. If a request fails, the old lines stay, with their time. */
async function refresh() {
  isAsked = true;
  if (isBusy) return;
  isBusy = true;
  for (; isAsked; await new Promise((resolve) => setTimeout(resolve, REST_MS))) {
    isAsked = false;
    if (!sheet?.open || document.hidden) continue;
    const lines = await linesOf(shown).catch(() => null);
    const hasFocus = sheet.querySelector(".content")?.contains(document.activeElement); // replacing the contents must not lose it
    if (lines && !hasFocus) put(sheet, lines);
  }
  isBusy = false;
}

/** @param {string} title  @returns {HTMLDialogElement} */
function made(title) {
  const words = /** @type {HTMLElement | null} */ (document.querySelector(".toasts"))?.dataset.close ?? "";
  const close = make("button", { type: "button", class: "plain icon-only", "data-close": "", "aria-label": words }, "✕");
  const header = make("header", {}, make("h2", { id: "receipt-title" }, title), close);
  const attributes = { class: "sheet", "aria-labelledby": "receipt-title" };
  const dialog = /** @type {HTMLDialogElement} */ (make("dialog", attributes, header, make("div", { class: "content stack" })));
  document.body.append(dialog);
  setInterval(refresh, REFRESH_MS);
  addEventListener("globalStatsUpdated", refresh); // on pages that receive pushes
  return dialog;
}
