/** Keeps the stats of the site, the places and the line's state up to date; erases the visitor on request. */

import { forget } from "./forgetting.js";
import { Figures, written } from "./figures.js";
import { KoyJabo } from "./koyjabo.js";
import { Announcer, find, readJson, showLine, write } from "./page.js";

/** @typedef {import("./koyjabo.js").Stats} Stats */

const phrases = readJson("phrases");
const placeNames = new Map(Object.entries(phrases.places));
const row = /** @type {HTMLTemplateElement} */ (find("#place")).content;

/** Places as bars, the longest first. The row of a place is reused, so that its bar grows. */
class Places {
  #list = find("[data-places]");
  #nobody = find("[data-nobody]");
  /** @type {Map<string, Element>} */
  #rows = new Map();

  /** @param {Stats["locations"]} locations */
  show(locations) {
    const places = Object.entries(locations).map(([name, { count }]) => ({ name, count }));
    const most = Math.max(...places.map(({ count }) => count));
    const rows = places.map(({ name, count }) => this.#row(name, count, (100 * count) / most));
    this.#rows = new Map(places.map(({ name }, at) => [name, rows[at]]));
    const before = this.#list.children;
    if (rows.length !== before.length || rows.some((row, at) => row !== before[at])) this.#list.replaceChildren(...rows);
    this.#nobody.hidden = places.length > 0;
  }

  /** @param {string} name  @param {number} count  @param {number} percent */
  #row(name, count, percent) {
    const found = this.#rows.get(name) ?? /** @type {Element} */ (row.firstElementChild?.cloneNode(true));
    const [label, data, bar] = found.children;
    label.textContent = placeNames.get(name) ?? name;
    Object.assign(data, { value: String(count), textContent: written(count) });
    bar.firstElementChild?.setAttribute("width", `${percent}%`);
    return found;
  }
}

/** @param {Stats} stats */
function inWords({ totalVisits, todayVisits, activeUsers }) {
  return phrases.announcement
    .replace("{total}", written(totalVisits))
    .replace("{today}", written(todayVisits))
    .replace("{active}", written(activeUsers));
}

const figures = new Figures();
const places = new Places();
const announcer = new Announcer();
/** @type {Stats | null} */
let shown = null;

const koyjabo = new KoyJabo({ stats: readJson("stats") });
koyjabo.subscribe((stats, state) => {
  showLine(state, stats?.stale && state !== "offline" ? phrases.stale : phrases[state]);
  if (!stats || stats === shown) return;
  shown = stats;
  figures.show(stats);
  places.show(stats.locations);
  announcer.show(inWords(stats));
});
koyjabo.start();

const asking = find("[data-forget] form");
asking.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = find("[data-forget] [role=status]"), button = find("[data-forget] button");
  button.toggleAttribute("disabled", true);
  write(said, phrases.forgetting);
  const isForgotten = await forget(koyjabo);
  write(said, isForgotten ? phrases.forgotten : phrases.remembered);
  button.toggleAttribute("disabled", isForgotten);
  if (isForgotten) showLine("offline", phrases.stale);
});
