/** Samples are for the server of this page. In its HTML they have the public address, or another if there is none. */

import { find, write } from "./page.js";

const named = find("[data-host]").dataset.host ?? "";

/** @param {string} sample */
function ours(sample) {
  return sample.replaceAll(named, location.origin).replaceAll(named.replace("http", "ws"), location.origin.replace("http", "ws"));
}

for (const code of document.querySelectorAll("pre code")) write(code, ours(code.textContent ?? ""));
for (const button of document.querySelectorAll("[data-copy]")) button.setAttribute("data-copy", ours(button.getAttribute("data-copy") ?? ""));
