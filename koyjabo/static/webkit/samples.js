/** Writes this server's URL into code samples. In the HTML, they have the public URL or a placeholder. */

import { find, write } from "./page.js";

const named = find("[data-host]")?.dataset.host ?? location.origin; // pages without samples load this script in a bundle

/** @param {string} sample */
function ours(sample) {
  return sample.replaceAll(named, location.origin).replaceAll(named.replace("http", "ws"), location.origin.replace("http", "ws"));
}

/** Updates all samples in a part of the page. @param {ParentNode} part */
export function nameThisServer(part) {
  for (const code of part.querySelectorAll("pre code")) write(code, ours(code.textContent ?? ""));
  for (const button of part.querySelectorAll("[data-copy]")) button.setAttribute("data-copy", ours(button.getAttribute("data-copy") ?? ""));
}

nameThisServer(document);
