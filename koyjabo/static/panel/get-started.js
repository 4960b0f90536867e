/** Says on the page of a new site that its first visit has come: the total, which other scripts keep, has changed. */

import { find } from "../webkit/page.js";
import "../webkit/samples.js";

const total = find('[data-stat="totalVisits"]'), card = find("[data-get-started]");
const state = /** @type {HTMLElement} */ (card.querySelector("[data-kind]"));

new MutationObserver((_, observer) => {
  observer.disconnect();
  state.dataset.kind = "good";
  state.textContent = card.dataset.getStarted ?? "";
}).observe(total, { childList: true, characterData: true, subtree: true });
