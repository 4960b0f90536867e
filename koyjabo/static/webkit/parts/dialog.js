/**
 * Opens dialogs and sheets modally. Without this script, they are popovers, opened by the same buttons. Shows the part
 * `[data-sheet-content]` of a linked page in a side sheet. Without this script, the link opens the page.
 */

/** @param {HTMLDialogElement} sheet @param {string} url  of a page on this site */
async function showSheet(sheet, url) {
  const place = sheet.querySelector(".content");
  sheet.setAttribute("aria-busy", "true");
  openDialog(sheet);
  sheet.dataset.url = url;
  const isCurrent = () => sheet.open && sheet.dataset.url === url; // another page may be requested before this one arrives
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" } });
    const content = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-sheet-content]");
    if (!isCurrent()) return;
    if (!response.ok || response.redirected || !content) location.assign(url);
    else place?.replaceChildren(...content.childNodes);
  } catch {
    if (!isCurrent()) return;
    location.assign(url); // the browser shows that the server cannot be reached
  }
  sheet.removeAttribute("aria-busy");
  sheet.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
}

document.addEventListener("click", (event) => {
  const link = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest("a[data-sheet]"));
  const sheet = document.getElementById(link?.dataset.sheet ?? "");
  if (!link || !(sheet instanceof HTMLDialogElement) || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  void showSheet(sheet, link.href);
});

/** Loads the style sheet of a dialog, once. @param {string} href */
export async function styled(href) {
  if (document.querySelector(`link[href="${href}"]`)) return;
  await new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload: resolve, onerror: reject }));
  });
}

/** @param {HTMLDialogElement} dialog  receives focus, which returns to the button when the dialog closes */
export function openDialog(dialog) {
  dialog.removeAttribute("popover");
  if (!dialog.open) dialog.showModal();
}

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const opener = /** @type {HTMLElement | null} */ (target.closest("[data-dialog]"));
  const dialog = /** @type {HTMLDialogElement | null} */ (opener ? document.getElementById(opener.dataset.dialog ?? "") : target.closest("dialog"));
  if (!dialog) return;
  if (opener) {
    event.preventDefault(); // it would open the popover
    openDialog(dialog);
  } else if (target === dialog || target.closest("[data-close]")) {
    dialog.close(); // a click hits the dialog itself only outside its contents
  }
});
