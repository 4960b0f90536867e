/** Updates a community's moderator page: events update the figures, requests update the list of people. */

import { figures } from "./community.js";
import { listen, outside, phrases } from "./inside.js";
import { arrivals, merge, tick } from "./people.js";
import { Announcer, find, write } from "../webkit/page.js";
import { connection } from "../webkit/connection.js";
import { written } from "../webkit/figures.js";
import { isLookedAt } from "../webkit/live.js";

const REST_MS = 2_000; // between two requests, without a search
const REST_OF_EACH_MS = 1; // plus this for each person found, so that a large crowd costs no more
const TYPED_MS = 200;
const SEARCHED = 12; // people online from which the list can be searched, as in communities/online.html
const ANSWER_LIMIT_MS = 20_000;

/**
 * The people online, by name. The list is requested when people come and go, and when the reader types or changes the
 * order. New people are marked for a minute, and people who left stay visible for a moment.
 */
class OnlineList {
  #form = /** @type {HTMLFormElement} */ (find("form[role=search]"));
  #announcer = new Announcer();
  #asking = new AbortController();
  #isAsked = false;
  #isBusy = false;
  #isOver = false;
  #timer = 0;

  constructor() {
    find("[data-without-script]").hidden = true;
    this.#form.addEventListener("input", () => this.#sought());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sought(0);
    });
  }

  /** Request the list soon. A call during a request triggers another request. */
  refresh() {
    this.#isAsked = true;
    if (!this.#isBusy && !this.#isOver) void this.#work();
  }

  stop() {
    this.#isOver = true;
    this.#asking.abort();
  }

  async #work() {
    this.#isBusy = true;
    while (this.#isAsked && !this.#isOver) {
      await isLookedAt();
      this.#isAsked = false;
      await this.#ask(false);
      if (this.#isOver) break;
      const count = Number(find("#online-sum").dataset.found);
      await new Promise((resolve) => setTimeout(resolve, Math.max(REST_MS, REST_OF_EACH_MS * count)));
    }
    this.#isBusy = false;
  }

  /** Search, and put the search into the page's URL, so that it can be bookmarked. */
  #sought(delayMs = TYPED_MS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const url = new URL(location.href);
      for (const name of ["query", "order", "page"]) url.searchParams.delete(name);
      for (const [name, value] of new FormData(this.#form)) if (value) url.searchParams.set(name, String(value));
      history.replaceState(null, "", url);
      void this.#ask(true);
    }, delayMs);
  }

  /** @param {boolean} isSearch  if so, people missing from the response have not left */
  async #ask(isSearch) {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController());
    const limit = AbortSignal.any?.([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]) ?? signal;
    const url = new URL(location.href);
    url.searchParams.set("part", "people");
    try {
      const response = await fetch(url, { headers: { Accept: "text/html" }, signal: limit });
      if (response.redirected) return location.reload(); // the session has ended
      if (!response.ok) return;
      connection.heard();
      const newer = new DOMParser().parseFromString(await response.text(), "text/html");
      if (signal.aborted) return;
      this.#take(newer, isSearch);
    } catch {
      if (!signal.aborted) connection.doubt(); // the next change requests it again
    }
  }

  /** @param {Document} newer  @param {boolean} isSearch */
  #take(newer, isSearch) {
    const list = /** @type {HTMLElement} */ (newer.querySelector("#online-list"));
    const askedMs = Number(find("#online-sum").dataset.at);
    merge(/** @type {HTMLElement[]} */ ([...list.children]), list.hasAttribute("data-whole"), askedMs, isSearch);
    for (const part of ["#absent", "#online-sum", "#online-rest"]) {
      const now = find(part), next = newer.querySelector(part);
      if (!next || now.isEqualNode(next) || now.contains(document.activeElement)) continue;
      now.replaceWith(document.adoptNode(next));
    }
    find("#online").dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
    this.#say(isSearch);
  }

  /** Announces search results at once, other changes less often and combined. @param {boolean} isSearch */
  #say(isSearch) {
    if (Number(find("#online-sum").dataset.all) >= SEARCHED) find("[data-search]").hidden = false; // and stays
    const [found, all] = ["found", "all"].map((name) => written(Number(find("#online-sum").dataset[name])));
    if (isSearch) return write(find("[data-announcement]"), phrases.found.replace("{found}", found).replace("{all}", all));
    this.#announcer.show(phrases.online.replace("{count}", all) + arrivals(phrases.came));
  }
}

const LEAVE_MS = 5_000; // time to read the reason
const TICK_MS = 1_000;
const MAX_NAMED = 50; // larger events do not name the people

const people = new OnlineList();
let known = "";
let aheadMs = 0; // how far the server's clock is ahead

/** @param {string} name */
const shown = (name) => Number(find(`[data-stat=${name}]`).dataset.value);

/** @param {Record<string, any>} data */
function show({ realtime_count, arrivals, people: named }) {
  figures.show({ peak: Math.max(shown("peak"), realtime_count) }); // the number online comes faster through the other socket
  const now = JSON.stringify([named, realtime_count, arrivals]);
  if (now !== known || realtime_count > MAX_NAMED) people.refresh();
  known = now;
}

/** @param {import("./inside.js").ServerEvent} event */
function hear(event) {
  if (event.timestamp) aheadMs = Date.parse(event.timestamp) - Date.now();
  if (event.type === "dashboard_update") show(event.data);
}

const ticker = setInterval(() => tick(Date.now() + aheadMs), TICK_MS);
listen("visitor-dashboard", hear, () => {
  people.stop();
  clearInterval(ticker);
  setTimeout(() => location.assign(outside), LEAVE_MS);
});
