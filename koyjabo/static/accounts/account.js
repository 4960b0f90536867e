/** Fills in form fields: `visitorId`, so that the server can record a conversion, and the invited email address. */

const VISITOR_ID = /^(?!(undefined|null|none|nil|nan|inf(inity)?|true|false|[-_.:])+$)[\w.:-]{1,128}$/i;

try {
  const known = localStorage.getItem("visitorId");
  for (const field of document.querySelectorAll("[data-visitor-id]"))
    if (VISITOR_ID.test(known ?? "")) Object.assign(field, { value: known, disabled: false });
} catch {
  // The browser's storage is not available.
}

const invited = new URLSearchParams(location.hash.slice(1)).get("email");
const email = document.querySelector("#email");
if (invited && email instanceof HTMLInputElement) {
  email.value ||= invited;
  history.replaceState(null, "", location.pathname + location.search); // otherwise redirects keep it
}
