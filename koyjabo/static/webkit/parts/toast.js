/** Toasts: short messages at the lower edge, with a way back. */

import { find, write } from "../page.js";

/** @typedef {{undo?: () => void}} ToastOptions */

const SHOWN_MS = 6_000;
const WITH_UNDO_MS = 12_000;

/** The place of all toasts, written by the server. A popover is above everything, also above dialogs. */
const region = find(".toasts");

/** @param {HTMLElement} message  @param {number} ms  it stays while the pointer or the focus is on it */
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
  write(words, text); // after it is in the page, so that screen readers announce it
  removeLater(message, undo ? WITH_UNDO_MS : SHOWN_MS);
}

/** The outcome of a form, which the server has written into the page, becomes a toast. */
function showOutcome() {
  const outcome = document.querySelector("[data-outcome]");
  if (!(outcome instanceof HTMLElement)) return;
  const form = outcome.querySelector("form");
  if (form) region.append(form); // a form is sent only from within the page
  form?.toggleAttribute("hidden", true);
  outcome.remove();
  toast(outcome.querySelector("p")?.textContent ?? "", form ? { undo: () => form.submit() } : {});
}

showOutcome();
