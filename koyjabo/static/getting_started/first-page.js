/** Shows the first visit from another site as soon as it is counted: the server then sends everything again. */

import { panel } from "../realtime/panel-line.js";
import { find } from "../webkit/page.js";
import "../webkit/samples.js";

/** @typedef {import("../realtime/panel-line.js").PanelUpdate} PanelUpdate */

const part = find("#first-page");

/** What an update changes, by what the page shows. @type {Record<string, (update: PanelUpdate) => unknown>} */
const TAKE = {
  empty: ({ stats }) => stats?.uniqueVisitors && location.reload(), // Overview has reports now
  waiting: ({ whole }) => whole && look(),
};

async function look() {
  if (document.hidden) return document.addEventListener("visibilitychange", look, { once: true });
  const response = await fetch(part.dataset.address ?? "", { headers: { Accept: "text/html" } }).catch(() => null);
  if (response?.status !== 200 || response.redirected) return;
  const newer = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("#first-page");
  if (!(newer instanceof HTMLElement)) return location.reload(); // the step is over
  show(newer);
}

/** Only the contents are replaced, so that screen readers announce them. @param {HTMLElement} newer */
function show(newer) {
  const hadFocus = part.contains(document.activeElement);
  part.dataset.state = newer.dataset.state;
  part.className = newer.className;
  part.removeAttribute("aria-labelledby");
  part.replaceChildren(...newer.childNodes);
  part.tabIndex = -1;
  if (hadFocus) part.focus();
}

panel.addEventListener("update", (event) => TAKE[part?.dataset.state ?? ""]?.(/** @type {CustomEvent} */ (event).detail));
