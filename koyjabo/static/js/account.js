/** Fills the form's `visitorId` field, by which the server records a conversion. */

const VISITOR_ID = /^[\w.:-]{1,128}$/;

const field = document.querySelector("[data-visitor-id]");
try {
  const known = localStorage.getItem("visitorId");
  if (field && VISITOR_ID.test(known ?? "")) Object.assign(field, { value: known, disabled: false });
} catch {
  // The browser's storage is not available.
}
