/**
 * <koyjabo-count value="total">: a live number from Koy Jabo Live, for any page on any site (docs/client.md). All
 * elements on a page share one connection.
 *
 * @typedef {import("./koyjabo.js").Stats} Stats
 */

import { KoyJabo, Line, serverAt } from "./koyjabo.js";

/** @type {Record<string, "totalVisits" | "todayVisits" | "activeUsers" | "uniqueVisitors">} */
const NUMBERS = { total: "totalVisits", today: "todayVisits", active: "activeUsers", visitors: "uniqueVisitors" };
const NAME = "koyjabo-count";
const PAGE = "page"; // the value and the attribute for the views of a page

const styles = new CSSStyleSheet(); // allowed even by policies that refuse inline styles
styles.replaceSync(`
  :host { display: inline-block; }
  :host([hidden]) { display: none; }
  [part=number] { display: inline-block; min-inline-size: var(--koyjabo-count-width, 5ch); font-variant-numeric: tabular-nums; }
`);

/** @type {Map<string, KoyJabo>} */
const started = new Map(); // by host

/** Dispatches `change` when this page changes its path without loading. */
const paths = new EventTarget();
/** @type {Promise<void> | undefined} */
let following;

function followPath() {
  const tell = () => void paths.dispatchEvent(new Event("change"));
  following ??= import("./koyjabo-queue.js").then(({ onPath }) => onPath(tell)).then(tell, () => {});
}

/** Resolves once the page's own scripts have run, because they may start the module. */
const isReady = new Promise((ready) => {
  if (document.readyState === "complete") ready(true);
  for (const event of ["DOMContentLoaded", "load"]) addEventListener(event, ready, { once: true });
});

/** Whether the page counts this session itself, for a community or under another visitorId. @param {string} host */
function isCounted(host) {
  const own = `koyjabo.visit ${host}`;
  try {
    const { visitorId } = localStorage;
    return Object.entries(sessionStorage).some(([key, kept]) => `${key} `.startsWith(`${own} `) && (key !== own || JSON.parse(kept).visitorId !== visitorId));
  } catch {
    return false; // there is no storage
  }
}

/** The client for a server, shared by all elements. @param {URL} base */
function source(base) {
  const running = started.get(base.host);
  if (running) return running;
  const counting = isCounted(base.host) ? [] : [...document.querySelectorAll(NAME)].filter((element) => element.getAttribute("counts") !== "false");
  const koyjabo = new KoyJabo({ baseUrl: base.href, counts: counting.length > 0, pageViews: counting.some((element) => element.hasAttribute("views")) });
  started.set(base.host, koyjabo);
  void koyjabo.start();
  return koyjabo;
}

/** @param {string} language  @param {number} number */
function written(language, number) {
  try {
    return number.toLocaleString(language === "bn" ? "bn-BD" : language);
  } catch {
    return number.toLocaleString("en"); // unknown language
  }
}

/**
 * The element. Its content is shown until the server responds, and in browsers without scripts. It is not a live
 * region, because it may change often.
 */
class KoyJaboCount extends HTMLElement {
  static observedAttributes = ["value", PAGE, "lang", "label"];
  #number = document.createElement("span");
  #content = document.createElement("slot");
  #label = document.createElement("span");
  /** @type {AbortController | null} */
  #connected = null;
  /** @type {Stats | null} */
  #stats = null;
  /** @type {number | undefined} */
  #online;
  /** @type {KoyJabo | undefined} */
  #koyjabo;
  #path = ""; // of the page whose views are shown
  /** @type {number | null} */
  #views = null;
  /** @type {(() => void) | undefined} */
  #unwatch;

  constructor() {
    super();
    this.#number.part.add("number");
    this.#label.part.add("label");
    this.#number.append(this.#content);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles];
    root.append(this.#number, this.#label);
  }

  async connectedCallback() {
    const { signal } = (this.#connected = new AbortController());
    await isReady;
    if (signal.aborted) return;
    const base = serverAt(this.getAttribute("base-url"));
    const community = this.getAttribute("community");
    if (community) {
      if (this.getAttribute("counts") !== "false") source(base); // counts the visit
      return this.#follow(new URL(`ws/communities/${encodeURIComponent(community)}/visitors/`, base), signal);
    }
    this.#koyjabo = source(base);
    const end = this.#koyjabo.subscribe((stats) => {
      this.#stats = stats;
      this.#show();
    });
    paths.addEventListener("change", this.#watch, { signal });
    signal.addEventListener("abort", () => {
      end();
      this.#koyjabo = undefined;
      this.#watch();
    });
    this.#watch();
  }

  disconnectedCallback() {
    this.#connected?.abort();
  }

  attributeChangedCallback() {
    this.#watch();
    this.#show();
  }

  get #isPage() {
    return this.getAttribute("value") === PAGE;
  }

  /** Watch the page that the attributes name, or the one that contains the element. */
  #watch = () => {
    const named = this.getAttribute(PAGE), own = location.host && location.pathname;
    if (this.#isPage && !named) followPath();
    const path = this.#koyjabo && this.#isPage ? named || own : "";
    if (path === this.#path) return;
    this.#unwatch?.();
    this.#path = path;
    this.#views = null;
    this.#show();
    if (path) this.#unwatch = this.#koyjabo?.pages([path], ([{ views }]) => {
      this.#views = views;
      this.#show();
    });
  };

  /** @param {URL} url  the URL of the community's room  @param {AbortSignal} signal */
  #follow(url, signal) {
    const line = new Line(url, {
      hear: ({ type, count, data }) => {
        if (type === "message") this.dispatchEvent(new CustomEvent("message", { detail: data }));
        this.#online = count ?? this.#online;
        this.#show();
      },
      lost() {},
    });
    line.start(signal);
  }

  #show() {
    const { lang } = /** @type {HTMLElement} */ (this.closest("[lang]") ?? document.documentElement);
    const ofSite = this.#stats?.[NUMBERS[this.getAttribute("value") ?? "total"]];
    const number = this.#online ?? (this.#isPage ? this.#views : ofSite);
    const label = this.getAttribute("label");
    this.#label.textContent = label ? ` ${label}` : "";
    this.#number.replaceChildren(number == null ? this.#content : written(lang || "en", number));
  }
}

if (!customElements.get(NAME)) customElements.define(NAME, KoyJaboCount);
