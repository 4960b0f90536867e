/** Filters the table of settings while one types. Without it, the form is sent to the server. */

import { find, write } from "../webkit/page.js";

const form = find("[data-filter]");
const field = /** @type {HTMLInputElement} */ (form.querySelector("input"));
const outcome = find("[data-filtered]");
const digits = new Intl.NumberFormat(document.documentElement.lang === "bn" ? "bn-BD" : "en");

/** @param {string} text */
const plain = (text) => text.toLowerCase().replaceAll("_", " ");

function show() {
  const wanted = plain(field.value.trim());
  let shown = 0;
  for (const table of document.querySelectorAll("#settings section")) {
    let inTable = 0;
    for (const row of table.querySelectorAll("tbody tr")) {
      const matches = plain(row.textContent ?? "").includes(wanted);
      /** @type {HTMLElement} */ (row).hidden = !matches;
      inTable += Number(matches);
    }
    /** @type {HTMLElement} */ (table).hidden = !inTable;
    shown += inTable;
  }
  const { none = "", one = "", many = "" } = outcome.dataset;
  write(outcome, [none, one][shown] ?? many.replace("{count}", digits.format(shown)));
}

if (!field.defaultValue) field.addEventListener("input", show); // otherwise the page has only the server's results
