/** Says on /install that a visit has been counted since the page was opened. */

import { written } from "../webkit/figures.js";
import { KoyJabo } from "../counting/koyjabo.js";
import { find, readJson, write } from "../webkit/page.js";
import "../webkit/samples.js";

const stats = readJson("stats");
const waiting = find("[data-waiting]");
const koyjabo = new KoyJabo({ counts: false, stats });

const end = koyjabo.subscribe((newest) => {
  if (!newest || newest.totalVisits <= stats.totalVisits) return;
  waiting.dataset.kind = "good";
  write(waiting, (waiting.dataset.waiting ?? "").replace("{number}", written(newest.totalVisits)));
  end();
});
void koyjabo.start();
