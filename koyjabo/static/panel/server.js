/* Offers the time zone of this browser with one click, and suggests names in the field for it. Ends the step about
   the admin's own visits, which is also done if another page has turned counting off. */

import { KoyJabo } from "../counting/koyjabo.js";
import { offered } from "../webkit/page.js";

const zone = offered(() => Intl.DateTimeFormat().resolvedOptions().timeZone, "");

for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-own-zone]"))) {
  if (!zone || zone === button.dataset.ownZone) continue;
  button.textContent = (button.dataset.words ?? "").replace("{zone}", zone);
  button.hidden = false;
  button.addEventListener("click", () => Object.assign(button.form?.elements.namedItem("timezone") ?? {}, { value: zone }));
}

document.querySelector("input#timezone")?.setAttribute("list", "zones");

const step = /** @type {HTMLFormElement | null} */ (document.querySelector("[data-not-counted]"));
if (step) {
  step.hidden = false;
  step.addEventListener("submit", () => KoyJabo.doNotCount());
  if (KoyJabo.isNotCounted) step.requestSubmit(step.querySelector("button"));
}
