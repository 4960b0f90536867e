/** Toasts: short messages at the bottom of the window, with an undo button if there is something to undo. */

import { find, make } from "../page.js";

const SHOWN_MS = 6_000;
const WITH_UNDO_MS = 12_000;

/** The container of all toasts, rendered by the server. As a popover, it is above everything, even dialogs. */
const region = find(".toasts");

/** @param {HTMLElement} message  @param {number} ms  longer while the toast is hovered or focused */
function removeLater(message, ms) {
  setTimeout(() => {
    if (message.matches(":hover, :focus-within")) return removeLater(message, ms);
    message.remove();
  }, ms);
}

/** @param {string} label  @param {() => void} act */
function button(label, act) {
  const made = make("button", { type: "button" }, label);
  made.addEventListener("click", act);
  return made;
}

/** @param {string | NodeListOf<Node>} text  @param {() => void} [undo]  called when the user undoes the action */
export function toast(text, undo) {
  const words = make("p"), message = make("div", { class: "toast" }, words);
  if (undo) message.append(button(region.dataset.undo ?? "", undo));
  message.append(button(region.dataset.close ?? "", () => message.remove()));
  region.hidePopover?.();
  region.showPopover?.(); // above popovers opened in the meantime
  region.append(message);
  words.append(...(typeof text === "string" ? [text] : text)); // after adding it to the page, so that screen readers announce it
  removeLater(message, undo ? WITH_UNDO_MS : SHOWN_MS);
}

/** Shows a form's result, which the server wrote into the page, as a toast. */
function showOutcome() {
  const outcome = document.querySelector("[data-outcome]");
  if (!(outcome instanceof HTMLElement)) return;
  const form = outcome.querySelector("form");
  if (form) region.append(form); // a form can only be submitted from within the page
  form?.toggleAttribute("hidden", true);
  outcome.remove();
  toast(outcome.querySelector("p")?.childNodes ?? "", form ? () => form.requestSubmit() : undefined);
}

showOutcome();
