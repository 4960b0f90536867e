/** Keeps a page of the panel as it would be written now. Who looks at the panel is no visitor. */

import { Figures } from "./figures.js";
import { KoyJabo } from "./koyjabo.js";
import { LivePage } from "./live.js";
import { find, showLine, told } from "./page.js";

/** @typedef {import("./koyjabo.js").Stats} Stats */
/** @typedef {import("./koyjabo.js").LineState} LineState */

const REFRESH_MS = 5_000;

/** What was done is said once: not again when the page is loaded again. */
function forgetOutcome() {
  const url = new URL(location.href);
  if (!url.searchParams.has("done")) return;
  url.searchParams.delete("done");
  history.replaceState(null, "", url);
}

/** The numbers of the site, which come by themselves, and all that hangs on them. */
class Overview {
  #figures = new Figures();
  #page = new LivePage();
  #phrases = told("phrases");
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

/** A page whose numbers nobody tells us of: it is asked for anew while somebody looks. */
function keepFresh() {
  const page = new LivePage();
  setInterval(() => page.refresh(), REFRESH_MS);
}

forgetOutcome();
const stats = told("stats");
if (stats) new Overview(stats);
if (find("[data-refresh]")) keepFresh();
