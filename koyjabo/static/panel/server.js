/* Offers the time zone of this browser with one click, and suggests names in the field for it. */

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("[data-own-zone]"));
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

if (form && zone && zone !== form.dataset.ownZone) {
  const [field, button] = form.querySelectorAll("[name=timezone], button");
  field.setAttribute("value", zone);
  button.textContent = (button.getAttribute("data-words") ?? "").replace("{zone}", zone);
}

document.querySelector("input#timezone")?.setAttribute("list", "zones");
