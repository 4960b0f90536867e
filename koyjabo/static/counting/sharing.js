/** Shares a visit number through the device's share sheet, or copies it. The other ways to share it are links. */

import "../webkit/parts/copy.js";
import { openDialog, styled } from "../webkit/parts/dialog.js";

/** @param {ParentNode} part */
function offer(part) {
  for (const button of part.querySelectorAll("[data-share-with]")) button.toggleAttribute("hidden", !navigator.share);
}

document.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("[data-share-with]");
  const ways = /** @type {HTMLElement | null | undefined} */ (button?.closest("[data-ways]"));
  if (!ways) return;
  const { title = "", url = "" } = ways.dataset;
  navigator.share({ title, text: title, url }).catch(() => {}); // the visitor has cancelled
});

/**
 * Open the sharing dialog of the visitor's own number elsewhere. Offline, open the number's page instead to show the error.
 * @param {string} url  the URL of the number's page  @param {string} styles
 */
export async function share(url, styles) {
  try {
    const dialog = shared.get(url) ?? (await take(url, styles));
    shared.set(url, dialog);
    openDialog(dialog);
  } catch {
    location.assign(url);
  }
}

/** @type {Map<string, HTMLDialogElement>} by the URL of the number's page */
const shared = new Map();

/** @param {string} url  @param {string} styles */
async function take(url, styles) {
  const [answer] = await Promise.all([fetch(`${url}&own=1`, { headers: { Accept: "text/html" } }), styled(styles)]);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const dialog = /** @type {HTMLDialogElement} */ (document.body.appendChild(/** @type {Element} */ (page.querySelector("#sharing"))));
  dialog.dispatchEvent(new CustomEvent("replaced", { bubbles: true })); // shows buttons that need scripts
  offer(dialog);
  return dialog;
}

offer(document);
