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
/** @type {("counts" | "views")[]} */
const CHOICES = ["counts", "views"];
const CSS = `
  :host { display: inline-block; }
  :host([hidden]) { display: none; }
  [part=number] { display: inline-block; min-inline-size: var(--koyjabo-count-width, 5ch); font-variant-numeric: tabular-nums; }
`;

/** @type {any} */
let sheet; // allowed even by policies that refuse inline styles
try {
  sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
} catch {
  sheet = null; // Safari before 16.4
}

/** @param {ShadowRoot} root  of an element */
function style(root) {
  try {
    root.adoptedStyleSheets.push(sheet);
  } catch {
    root.append(Object.assign(document.createElement("style"), { textContent: CSS }));
  }
}

/** @type {Map<string, KoyJabo>} */
const started = new Map(); // by URL of the server

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
function source({ href }) {
  const running = started.get(href);
  if (running) return running;
  const koyjabo = new KoyJabo({ baseUrl: href, counts: false });
  started.set(href, koyjabo);
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
  static observedAttributes = ["value", PAGE, "lang", "label", ...CHOICES];
  #number = document.createElement("span");
  #content = document.createElement("slot");
  #label = document.createElement("span");
  /** @type {AbortController | null} */
  #connected = null;
  /** @type {Stats | null} */
  #stats = null;
  /** @type {number | undefined} */
  #online;
  /** The server, while the element is connected. @type {URL | undefined} */
  #base;
  /** @type {KoyJabo | undefined} */
  #koyjabo;
  #path = ""; // of the page whose views are shown
  /** @type {number | null} */
  #views = null;
  /** @type {(() => void) | undefined} */
  #unwatch;

  constructor() {
    super();
    this.#number.setAttribute("part", "number");
    this.#label.setAttribute("part", "label");
    this.#number.append(this.#content);
    const root = this.attachShadow({ mode: "open" });
    style(root);
    root.append(this.#number, this.#label);
  }

  async connectedCallback() {
    const { signal } = (this.#connected = new AbortController());
    for (const name of CHOICES) {
      if (!this.hasOwnProperty(name)) continue;
      const choice = this[name]; // set before this script was loaded
      delete /** @type {any} */ (this)[name];
      this[name] = choice;
    }
    await isReady;
    if (signal.aborted) return;
    const base = (this.#base = serverAt(this.getAttribute("base-url")));
    signal.addEventListener("abort", () => (this.#base = undefined));
    this.#count();
    const community = this.getAttribute("community");
    if (community) return this.#follow(new URL(`ws/communities/${encodeURIComponent(community)}/visitors/`, base), signal);
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
    this.#count();
    this.#watch();
    this.#show();
  }

  /** Whether this page's visit is counted, unless the page does so itself. */
  get counts() {
    return this.getAttribute("counts") !== "false";
  }

  set counts(choice) {
    if (`${choice}` === "false") this.setAttribute("counts", "false");
    else this.removeAttribute("counts");
  }

  /** Whether the views of later pages are counted. */
  get views() {
    return (this.getAttribute("views") ?? "false") !== "false";
  }

  set views(choice) {
    if (`${choice ?? false}` === "false") this.removeAttribute("views");
    else this.setAttribute("views", "");
  }

  get #isPage() {
    return this.getAttribute("value") === PAGE;
  }

  /** Count what this element wants counted. What has begun does not end with the element. */
  #count() {
    if (this.dataset.debug != null) KoyJabo.debug();
    if (this.#base && this.counts && !isCounted(this.#base.host)) source(this.#base).count(this.views);
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
