/** Shows a page's first visit as soon as it is counted, by requesting Overview again after each visit. */

import { panel } from "../realtime/panel-line.js";
import { find } from "../webkit/page.js";
import "../webkit/samples.js";

const WRITTEN_MS = 500; // the host is stored just after its visit

const part = find("#first-page");
let timer = 0;

async function look() {
  if (document.hidden) return document.addEventListener("visibilitychange", look, { once: true });
  timer = 0;
  const response = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!response?.ok || response.redirected) return; // the next visit requests it again
  const newer = new DOMParser().parseFromString(await response.text(), "text/html");
  const state = newer.querySelector("#first-page")?.getAttribute("data-state");
  if (state !== part.dataset.state) location.reload();
}

if (part && part.dataset.state !== "seen") panel.addEventListener("update", () => (timer ||= setTimeout(look, WRITTEN_MS)));
