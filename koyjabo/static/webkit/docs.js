/** Searches the calls of the API, and opens the call that the address names. */

import { written } from "./figures.js";
import { find, write } from "./page.js";
import "./samples.js";

const calls = [...document.querySelectorAll("[data-call]")].map((element) => ({
  element: /** @type {HTMLElement} */ (element),
  text: element.querySelector("summary")?.textContent?.toLowerCase() ?? "",
}));
const box = /** @type {HTMLInputElement} */ (find("#search"));
const found = find("[data-many]");

/** Shows the calls whose method, path and summary have all words. */
function search() {
  const words = box.value.toLowerCase().split(/\s+/);
  for (const { element, text } of calls) element.hidden = !words.every((word) => text.includes(word));
  for (const tag of document.querySelectorAll("section:has(> [data-call])")) tag.toggleAttribute("hidden", !tag.querySelector("[data-call]:not([hidden])"));
  const shown = calls.filter(({ element }) => !element.hidden).length;
  const sentence = shown === 1 ? found.dataset.one : found.dataset.many;
  write(found, (sentence ?? "").replace("{count}", written(shown)));
}

function openNamed() {
  const named = document.getElementById(location.hash.slice(1))?.closest("details");
  if (!named) return;
  named.open = true;
  named.scrollIntoView();
}

box.addEventListener("input", search);
addEventListener("hashchange", openNamed);
if (box.value) search(); // typed before this script ran
openNamed();
