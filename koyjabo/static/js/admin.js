/** Keeps a page of the panel up to date. Its users are not counted as visitors. */

import { Figures } from "./figures.js";
import { KoyJabo } from "./koyjabo.js";
import { LivePage } from "./live.js";
import { find, readJson, showLine } from "./page.js";

/** @typedef {import("./koyjabo.js").Stats} Stats */
/** @typedef {import("./koyjabo.js").LineState} LineState */

const REFRESH_MS = 5_000;

/** Remove the flash code from the address, so that a reload does not show the message again. */
function removeFlashCode() {
  const url = new URL(location.href);
  if (!url.searchParams.has("done")) return;
  url.searchParams.delete("done");
  history.replaceState(null, "", url);
}

/** Updates the stats of the site from the stream, and the rest of the page when they change. */
class Overview {
  #figures = new Figures();
  #page = new LivePage();
  #phrases = readJson("phrases");
  #revision;

  /** @param {Stats} shown */
  constructor(shown) {
    this.#revision = shown.revision;
    const site = new KoyJabo({ stats: shown, counts: false });
    site.subscribe((stats, line) => this.#show(stats, line));
    site.start();
  }

  /** @param {Stats | null} stats  @param {LineState} line */
  #show(stats, line) {
    showLine(line, line !== "offline" && stats?.stale ? this.#phrases.stale : this.#phrases[line]);
    if (!stats) return;
    this.#figures.show(stats);
    if (stats.revision !== this.#revision) this.#page.refresh();
    this.#revision = stats.revision;
  }
}

/** Refresh a page without a stream regularly, while it is visible. */
function keepFresh() {
  const page = new LivePage();
  setInterval(() => page.refresh(), REFRESH_MS);
}

removeFlashCode();
const stats = readJson("stats");
if (stats) new Overview(stats);
if (find("[data-refresh]")) keepFresh();
