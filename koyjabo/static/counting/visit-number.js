/** Shows how many visits there have been since this one, and the next number. Does not count a visit. */

import { connection } from "../webkit/connection.js";
import { Figures, written } from "../webkit/figures.js";
import { find, readJson, write } from "../webkit/page.js";
import { LivePage } from "../webkit/live.js";
import { KoyJabo } from "./koyjabo.js";

/** @typedef {import("./koyjabo.js").Stats} Stats */

const phrases = readJson("phrases");
const figures = new Figures();
const page = new LivePage();
const next = find("[data-next]");
const koyjabo = new KoyJabo({ counts: false, stats: readJson("stats") });

/**
 * The number of visits since the page was made. Undefined if the page has to be fetched again: after midnight, or after
 * visits were added to the total by hand.
 * @param {DOMStringMap} known  the numbers when the page was made  @param {Stats} stats
 */
function visitsSince({ total, today, epoch }, stats) {
  const visits = stats.totalVisits - Number(total);
  return epoch === stats.epoch && visits === stats.todayVisits - Number(today) ? visits : undefined;
}

/** @param {number} visits */
const inWords = (visits) => phrases.after[visits ? (visits === 1 ? "one" : "more") : "none"].replace("{count}", written(visits));

/** @param {Stats} stats */
function show(stats) {
  const element = find("[data-after]"), visits = visitsSince(element.dataset, stats);
  if (visits === undefined || visits < 0) page.refresh();
  else write(element, inWords(Number(element.dataset.after) + visits));
  figures.show(stats);
  write(next, koyjabo.isCounted || KoyJabo.isNotCounted ? phrases.home : phrases.next.replace("{number}", written(stats.totalVisits + 1)));
}

koyjabo.subscribe((stats, state) => {
  if (state === "live") connection.heard();
  if (state === "offline") connection.doubt();
  if (stats) show(stats);
});
void koyjabo.start();
