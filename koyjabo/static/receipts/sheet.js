/** A receipt at the side of the page, updated while it is open. */

import "../webkit/parts/ages.js";
import { openDialog } from "../webkit/parts/dialog.js";

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

/** @param {string} url  the URL of a style sheet that only these receipts need */
async function styled(url) {
  if (document.querySelector(`link[href="${url}"]`)) return;
  const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: url });
  const isThere = new Promise((resolve) => style.addEventListener("load", resolve, { once: true }));
  style.addEventListener("error", () => style.remove());
  document.head.append(style);
  await isThere;
}

/** @param {string} title  @returns {HTMLDialogElement} */
function made(title) {
  const dialog = document.createElement("dialog"), heading = document.createElement("h2");
  const close = Object.assign(document.createElement("button"), { type: "button", className: "plain icon-only", textContent: "✕" });
  close.dataset.close = "";
  close.setAttribute("aria-label", /** @type {HTMLElement | null} */ (document.querySelector(".toasts"))?.dataset.close ?? "");
  Object.assign(heading, { id: "receipt-title", textContent: title });
  dialog.className = "sheet";
  dialog.setAttribute("aria-labelledby", heading.id);
  const header = document.createElement("header"), content = document.createElement("div");
  content.className = "content stack";
  header.append(heading, close);
  dialog.append(header, content);
  document.body.append(dialog);
  setInterval(refresh, REFRESH_MS);
  addEventListener("globalStatsUpdated", refresh); // on pages that receive pushes
  return dialog;
}
