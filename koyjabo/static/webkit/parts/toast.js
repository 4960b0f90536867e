/** Toasts: short messages at the lower edge, with an undo button if there is something to undo. */

import { find, write } from "../page.js";

/** @typedef {{undo?: () => void}} ToastOptions */

const SHOWN_MS = 6_000;
const WITH_UNDO_MS = 12_000;

/** The container of all toasts, from the server. A popover is above everything, even dialogs. */
const region = find(".toasts");

/** @param {HTMLElement} message  @param {number} ms  the toast stays longer under the pointer or with the focus */
function removeLater(message, ms) {
  setTimeout(() => {
    if (message.matches(":hover, :focus-within")) return removeLater(message, ms);
    message.remove();
  }, ms);
}

/** @param {string} label  @param {() => void} act */
function button(label, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", act);
  return made;
}

/**
 * @param {string} text
 * @param {ToastOptions} [options]  `undo` is called when the person takes the action back
 */
export function toast(text, { undo } = {}) {
  const message = document.createElement("div"), words = document.createElement("p");
  message.className = "toast";
  message.append(words);
  if (undo) message.append(button(region.dataset.undo ?? "", () => (message.remove(), undo())));
  message.append(button(region.dataset.close ?? "", () => message.remove()));
  region.hidePopover?.();
  region.showPopover?.(); // above popovers opened in the meantime
  region.append(message);
  write(words, text); // after adding it to the page, so that screen readers announce it
  removeLater(message, undo ? WITH_UNDO_MS : SHOWN_MS);
}

/** Turns a form's result, which the server wrote into the page, into a toast. */
function showOutcome() {
  const outcome = document.querySelector("[data-outcome]");
  if (!(outcome instanceof HTMLElement)) return;
  const form = outcome.querySelector("form");
  if (form) region.append(form); // a form can only be submitted from within the page
  form?.toggleAttribute("hidden", true);
  outcome.remove();
  toast(outcome.querySelector("p")?.textContent ?? "", form ? { undo: () => form.submit() } : {});
}

showOutcome();
