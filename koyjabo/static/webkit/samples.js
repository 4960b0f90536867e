/** Samples are for the server of this page. In its HTML they have the public address, or another if there is none. */

import { find, write } from "./page.js";

const named = find("[data-host]")?.dataset.host ?? location.origin; // a bundle has this script for pages without samples, too

/** @param {string} sample */
function ours(sample) {
  return sample.replaceAll(named, location.origin).replaceAll(named.replace("http", "ws"), location.origin.replace("http", "ws"));
}

/** In all samples of a part of the page. @param {ParentNode} part */
export function nameThisServer(part) {
  for (const code of part.querySelectorAll("pre code")) write(code, ours(code.textContent ?? ""));
  for (const button of part.querySelectorAll("[data-copy]")) button.setAttribute("data-copy", ours(button.getAttribute("data-copy") ?? ""));
}

nameThisServer(document);
