/** /install: reports a visit counted since the page was opened, and updates the lines when the builder changes. */

import { written } from "../webkit/figures.js";
import { KoyJabo } from "../counting/koyjabo.js";
import "../counting/koyjabo-count.js";
import { LivePage } from "../webkit/live.js";
import { find, readJson, write } from "../webkit/page.js";
import { nameThisServer } from "../webkit/samples.js";

const REST_MS = 150;

const stats = readJson("stats");
const waiting = find("[data-waiting]");
const builder = /** @type {HTMLFormElement} */ (find(".builder"));
const koyjabo = new KoyJabo({ counts: false, stats });

const end = koyjabo.subscribe((newest) => {
  if (!newest || newest.totalVisits <= stats.totalVisits) return;
  waiting.dataset.kind = "good";
  write(waiting, (waiting.dataset.waiting ?? "").replace("{number}", written(newest.totalVisits)));
  end();
});
void koyjabo.start();

/** The URL of this page with the current choices. */
function chosen() {
  const url = new URL(builder.action);
  for (const [name, value] of new FormData(builder)) url.searchParams.append(name, String(value));
  return url.href;
}

/** Set the colour by script, because the page's policy forbids `style` attributes. */
function paint() {
  const element = /** @type {HTMLElement} */ (find("#build-preview koyjabo-count"));
  element.style.color = element.dataset.color ?? "";
}

const lines = new LivePage(chosen, REST_MS);

builder.addEventListener("input", () => lines.refresh());
builder.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("replaced", (event) => {
  nameThisServer(/** @type {Element} */ (event.target));
  paint();
});
paint();
