/* Offers the time zone of this browser with one click, and suggests names in the field for it. */

const own = /** @type {HTMLElement | null} */ (document.querySelector("[data-own-zone]"));
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

if (own && zone && zone !== own.dataset.ownZone) {
  own.querySelector("[name=timezone]")?.setAttribute("value", zone);
  /** @type {HTMLElement} */ (own.querySelector("button")).textContent = (own.dataset.words ?? "").replace("{zone}", zone);
}

document.querySelector("input#timezone")?.setAttribute("list", "zones");
