/** Opens the receipt of a total on the same page. Without this script, its link opens a page. */

document.addEventListener("click", (event) => {
  const link = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest("a[data-receipt]"));
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  import("./sheet.js").then(({ showReceipt }) => showReceipt(link)).catch(() => location.assign(link.href));
});
