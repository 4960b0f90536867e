/** Connect: the code follows the choices, and the newest visit appears as soon as it is counted. */

import { KoyJabo } from "../counting/koyjabo.js";
import "../counting/koyjabo-count.js";
import { LivePage } from "../webkit/live.js";
import { find, make, readJson } from "../webkit/page.js";
import { nameThisServer } from "../webkit/samples.js";

const REST_MS = 150;

let { totalVisits } = readJson("stats");
const builder = /** @type {HTMLFormElement} */ (find(".builder"));
const look = /** @type {HTMLInputElement} */ (builder.elements.namedItem("look"));
const koyjabo = new KoyJabo({ counts: false, stats: readJson("stats") });

koyjabo.subscribe((newest) => {
  if (!newest || newest.totalVisits <= totalVisits) return;
  ({ totalVisits } = newest);
  find("[data-age-of-last]").replaceChildren(make("time", { "data-age": "0" }));
  find("[data-seen]").hidden = false;
  find("[data-waiting]").hidden = true;
  find(".seen").dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
});
void koyjabo.start();

/** The URL of this page with the current choices. */
function chosen() {
  const url = new URL(builder.action);
  for (const [name, value] of new FormData(builder)) url.searchParams.append(name, String(value));
  return url.href;
}

/** Set colours by script, because the page's policy forbids `style` attributes. */
function paint() {
  const { value, dataset } = /** @type {HTMLInputElement} */ (builder.elements.namedItem("color"));
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-paint]"))) {
    part.style.setProperty(part.dataset.paint ?? "", value === dataset.default ? "" : value);
  }
}

const page = new LivePage(chosen, REST_MS);

const value = /** @type {HTMLSelectElement} */ (builder.elements.namedItem("value"));

function show() {
  for (const option of /** @type {NodeListOf<HTMLElement>} */ (builder.querySelectorAll("[data-for]"))) option.hidden = !option.dataset.for?.split(" ").includes(look.value);
  if (value.selectedOptions[0].hidden) value.selectedIndex = 0; // another look has fewer values
  history.replaceState(null, "", chosen());
  page.refresh();
}

document.addEventListener("click", (event) => {
  const link = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("a[data-look]"));
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  look.value = link.dataset.look ?? "";
  for (const other of document.querySelectorAll("a[data-look]")) other.toggleAttribute("aria-current", false);
  link.setAttribute("aria-current", "true");
  show();
});
builder.addEventListener("input", show);
builder.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("replaced", (event) => {
  nameThisServer(/** @type {Element} */ (event.target));
  paint();
});
paint();
