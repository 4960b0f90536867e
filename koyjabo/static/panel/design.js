/** The toasts of the page that shows all building blocks. */

import { toast } from "../webkit/parts/toast.js";

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-toast]"))) {
  const { toast: text = "", undone } = button.dataset;
  button.addEventListener("click", () => toast(text, undone === undefined ? {} : { undo: () => toast(undone) }));
}
