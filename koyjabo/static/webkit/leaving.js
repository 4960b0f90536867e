/**
 * While a page is left: a form is sent only after the server has responded, so that what was typed is kept; and a line
 * says when the next page is late.
 */

import { connection, isAlive } from "./connection.js";
import { find, make, write } from "./page.js";
import { toast } from "./parts/toast.js";

const LATE_MS = 8_000;
const banner = find("[data-connection]"), { unsent = "", late = "" } = banner.dataset;

let isAsking = false, isSending = false;

/** Says that it was not sent: a form with fields in itself, any other in a toast. @param {HTMLFormElement} form */
function keep(form) {
  connection.doubt();
  if (!form.matches(".stack")) return toast(unsent);
  form.append(make("p", { class: "notice warning", role: "alert", "data-unsent": "" }, unsent));
}

/** @param {HTMLFormElement} form  @param {HTMLElement | null} button */
async function send(form, button) {
  isAsking = true;
  form.querySelector(":scope > [data-unsent]")?.remove();
  button?.setAttribute("aria-busy", "true");
  const hasResponse = await isAlive();
  button?.removeAttribute("aria-busy");
  isAsking = false;
  if (!hasResponse) return keep(form);
  if (!form.isConnected) document.body.append(form); // a newer copy of the page has replaced it
  isSending = true;
  form.requestSubmit(button);
  isSending = false;
}

addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (isSending || event.defaultPrevented || form.getAttribute("method") !== "post") return;
  event.preventDefault();
  if (!isAsking) void send(form, event.submitter);
});

/** @type {any} */ (globalThis).navigation?.addEventListener("navigate", (/** @type {any} */ { destination, downloadRequest, signal }) => {
  if (destination.sameDocument || downloadRequest !== null) return;
  const timer = setTimeout(() => write(banner, late), LATE_MS);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    if (banner.textContent === late) write(banner, "");
  });
});
