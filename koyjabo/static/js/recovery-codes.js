/** Copies and prints the recovery codes. Without a script they can be downloaded. */

import { find } from "./page.js";

const copy = find("[data-copy]");
const print = find("[data-print]");

async function copyCodes() {
  const codes = [...document.querySelectorAll("[data-codes] code")].map((code) => code.textContent);
  await navigator.clipboard.writeText(codes.join("\n"));
  copy.textContent = copy.dataset.copied ?? "";
}

if (navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", () => void copyCodes());
}
print.hidden = false;
print.addEventListener("click", () => globalThis.print());
