/* Shows in the form *Name* how the site will look. A late answer about colours does not replace a later one. Until it is
   chosen, whether to offer Bangla follows the name, as `speaks_bangla` does. */

import { find, write } from "../webkit/page.js";

const preview = find("[data-look]");
const form = /** @type {HTMLFormElement} */ (preview.closest("form"));
const mark = /** @type {HTMLInputElement} */ (form.elements.namedItem("mark"));
let newest = 0;

/** @param {string} name */
const field = (name) => /** @type {HTMLInputElement | null} */ (form.querySelector(`[name=${name}]:not([type=checkbox])`));

/** @param {Event} event */
function follow({ target }) {
  const bangla = /** @type {HTMLSelectElement | null} */ (form.querySelector("#site_bangla"));
  const name = field("site_name");
  if (target === bangla) form.removeEventListener("input", follow);
  else if (bangla && name) bangla.value = name.value === name.defaultValue || field("site_name_bn")?.value || field("site_sentence_bn")?.value ? "1" : "0";
}

async function show() {
  const [name, sentence, colour] = ["site_name", "site_sentence", "site_colour"].map(field);
  const url = new URL(preview.dataset.look ?? "", location.href);
  if (name) url.searchParams.set("SITE_NAME", name.value);
  if (form.querySelector("[type=checkbox][name=site_colour]:checked")) url.searchParams.set("SITE_COLOUR", "");
  else if (colour && colour.value !== colour.defaultValue) url.searchParams.set("SITE_COLOUR", colour.value);
  for (const [part, input] of /** @type {[string, HTMLInputElement | null][]} */ ([["name", name], ["sentence", sentence]]))
    for (const element of preview.querySelectorAll(`[data-${part}]`)) if (input) write(element, input.value || (name?.value === name?.defaultValue ? input.placeholder : ""));
  const turn = ++newest;
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok || turn !== newest) return;
  for (const [, token, value] of (await answer.text()).matchAll(/(--[\w-]+):([^;]+);/g)) preview.style.setProperty(token, value);
}

function showMark() {
  const file = mark.files?.[0];
  mark.setCustomValidity((file?.size ?? 0) > Number(mark.dataset.maxBytes) ? (mark.dataset.words ?? "") : "");
  if (!mark.reportValidity() || !file) return;
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    for (const image of preview.querySelectorAll("img")) Object.assign(image, { src: reader.result, hidden: false });
  });
  reader.readAsDataURL(file);
}

if ("follows" in preview.dataset) form.addEventListener("input", follow);
form.addEventListener("input", show);
mark.addEventListener("change", showMark);
