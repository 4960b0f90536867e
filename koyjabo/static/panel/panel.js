/** The header of every panel page: whether visits are saved, and the command menu. */

import { isLookedAt } from "../webkit/live.js";
import { find, write } from "../webkit/page.js";
import { panel } from "../realtime/panel-line.js";

const ASK_MS = 60_000; // the connection reports at once when saving visits stops or resumes
const ASK_AGAIN_MS = 5_000; // while there is a problem, because its cause often becomes known a little later
const ANSWER_LIMIT_MS = 10_000;

/** @param {{unsaved: string}} state */
function showState({ unsaved }) {
  const notice = /** @type {HTMLElement} */ (find("[data-unsaved]").firstElementChild);
  write(/** @type {HTMLElement} */ (notice.firstElementChild), unsaved);
  notice.hidden = !unsaved;
}

let isAsking = false; // so that a page that is hidden for hours asks only once
let isOutdated = false; // the state has changed since the request
let timer = 0;

async function ask() {
  isOutdated = isAsking;
  if (isAsking) return;
  isAsking = true;
  await isLookedAt();
  try {
    const signal = AbortSignal.timeout?.(ANSWER_LIMIT_MS);
    const response = await fetch(find("[data-unsaved]").dataset.unsaved ?? "", { signal });
    if (response.ok && !response.redirected) showState(await response.json());
  } catch {
    // The server cannot be reached; the page shows that elsewhere.
  }
  isAsking = false;
  if (isOutdated) void ask();
  else wait();
}

function wait() {
  clearTimeout(timer);
  timer = setTimeout(ask, find("[data-unsaved] > [hidden]") ? ASK_MS : ASK_AGAIN_MS);
}

/** The menu is loaded when it is first opened. */
function listenForMenu() {
  const button = find("[data-command-menu]");
  if (!button) return;
  const open = async () => (await import("./command-menu.js")).open();
  button.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    void open();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    void open();
  });
  if (navigator.platform?.startsWith("Mac")) write(/** @type {HTMLElement} */ (button.querySelector("kbd")), "⌘K");
}

for (const news of ["state", "polled"]) panel.addEventListener(news, ask);
wait();
listenForMenu();
