/** Fills in form fields: `visitorId`, so that the server can record a conversion, and the invited email address. */

import { isId, local } from "../counting/client/storage.js";

const value = local.visitorId;
for (const field of document.querySelectorAll("[data-visitor-id]")) if (isId(value)) Object.assign(field, { value, disabled: false });

const invited = new URLSearchParams(location.hash.slice(1)).get("email");
const email = document.querySelector("#email");
if (invited && email instanceof HTMLInputElement) {
  email.value ||= invited;
  history.replaceState(null, "", location.pathname + location.search); // otherwise redirects keep it
}
