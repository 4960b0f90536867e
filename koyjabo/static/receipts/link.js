/** Opens a total's receipt on the same page. Without this script, the link opens a separate page. */

document.addEventListener("click", (event) => {
  const link = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest("a[data-receipt]"));
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  import("./sheet.js").then(({ showReceipt }) => showReceipt(link)).catch(() => location.assign(link.href));
});
