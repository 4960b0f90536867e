/** Tells who a visitor was before they had an account, so that the two become one. */

const VISITOR_ID = /^[\w.:-]{1,128}$/;

const field = document.querySelector("[data-visitor-id]");
try {
  const known = localStorage.getItem("visitorId");
  if (field && VISITOR_ID.test(known ?? "")) Object.assign(field, { value: known, disabled: false });
} catch {
  // A browser that keeps nothing has nothing to tell.
}
