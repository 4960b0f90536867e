/** Opens dialogs and sheets modally. Without this script, they are popovers, opened by the same buttons. */

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
