/** Opens dialogs and sheets as modal ones. Without this script they are popovers, which the same buttons open. */

/** @param {HTMLDialogElement} dialog  gets the focus, which returns to its button when it is closed */
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
    dialog.close(); // the dialog itself is clicked only beside its contents
  }
});
