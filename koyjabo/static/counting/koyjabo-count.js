/**
 * <koyjabo-count value="total">: a live number from Koy Jabo Live, for any page on any site (docs/client.md). All
 * elements on a page share one connection.
 *
 * @typedef {import("./koyjabo-client.3.js").Stats} Stats
 */

import {
  isId, KoyJabo, Line, local, onPath, ownPath, parsed, persistently, serverAt, session, shared, shown, storeOnly, storesNothing,
} from "./koyjabo-client.3.js";

/** @type {Record<string, "totalVisits" | "todayVisits" | "activeUsers" | "uniqueVisitors">} */
const NUMBERS = { total: "totalVisits", today: "todayVisits", active: "activeUsers", visitors: "uniqueVisitors" };
const NAME = "koyjabo-count";
const OWN = "/koyjabo-"; // in addresses of this script, in each of its files
const PAGE = "page"; // the value and the attribute for the views of a page
const MINE = "mine"; // the value for the number of this visitor's visit
const STORES = "stores";
const SHARE = "share"; // whether a button shares this visitor's number
const CHOICES = ["counts", "views"]; // whether visit and page views are counted, unless the page does so itself
const PLACES = ["community", "base-url"], TEXTS = ["value", PAGE, "label", STORES, ...PLACES];
const ATTRIBUTES = [...CHOICES, SHARE, ...TEXTS];
const CSS = ":host,[part=number]{display:inline-block}:host([hidden]){display:none}[part=number]{font-variant-numeric:tabular-nums}" +
  ":host(:empty) slot{display:inline-block;min-inline-size:var(--koyjabo-count-width,5ch)}"; // until there is a number

if (!globalThis.HTMLElement?.prototype.attachShadow) console.warn("koyjabo-count: workers, such as Partytown's, cannot run it");

/** @type {Record<string, KoyJabo>} */
const started = {}; // by URL of the server

/** @type {Set<string>} */
const warned = new Set(); // texts

/** @type {Set<KoyJaboCount>} */
const connected = new Set();

/** Resolves once the page's own scripts have run, because they may start the module. */
const isReady = new Promise((ready) => {
  // A script that is `async` or put in later may come after DOMContentLoaded, long before the page's images.
  if (document.readyState === "complete" || performance.timing?.domContentLoadedEventStart) ready(true);
  for (const event of ["DOMContentLoaded", "load"]) addEventListener(event, ready, { once: true });
});

/** Add a style sheet. @param {ShadowRoot} root  @param {string} css */
function dress(root, css) {
  try {
    const sheet = new CSSStyleSheet(); // allowed even by policies that refuse inline styles
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  } catch {
    root.append(Object.assign(document.createElement("style"), { textContent: css })); // Safari before 16.4
  }
}

/** @param {string} name  of an attribute */
const propertyOf = (name) => name.replace("-u", "U");

/** Whether a choice is on, as a property or an attribute: templates write `False`. @param {any} choice */
const isOn = (choice) => !/^\s*false\s*$/i.test(choice);

/** Whether a choice is on that is off if it is missing. @param {any} choice */
const isSet = (choice) => isOn(choice ?? false);

/** Whether the page counts this session itself, for a community or under another visitorId. @param {string} host */
function isCounted(host) {
  const own = `koyjabo.visit ${host}`, visit = parsed(session[own]);
  return Object.keys(session).some((key) => key.startsWith(`${own} `)) || (isId(visit?.visitorId) && visit.visitorId !== local.visitorId);
}

/** The server that an attribute names, or where the script came from. @param {string | null} url */
function serverOf(url) {
  try {
    return serverAt(url);
  } catch (error) {
    say(`${error}`);
  }
}

/** Print a mistake of the page, once. @param {string} text */
function say(text) {
  if (!warned.has(text) && warned.add(text)) console.warn(text);
}

/** The client for a server, shared by all elements. @param {URL} base */
function source({ href }) {
  if (!started[href]) {
    started[href] = new KoyJabo({ baseUrl: href, counts: false });
    started[href].start();
  }
  return started[href];
}

/** A number in the first language that the browser knows. @param {number} number  @param {string[]} languages  @returns {string} */
function written(number, ...[language, ...others]) {
  try {
    return number.toLocaleString(language === "bn" ? "bn-BD" : language);
  } catch {
    return others.length ? written(number, ...others) : `${number}`; // "undefined" is no language, for example
  }
}

/**
 * The element. Its content is shown until the server responds, and in browsers without scripts. It is not a live
 * region, because it may change often.
 */
class KoyJaboCount extends HTMLElement {
  static observedAttributes = ["lang", ...ATTRIBUTES];
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
  /** What shows this visitor's number, and the button to share it. @type {Promise<typeof import("./koyjabo-own.1.js")> | undefined} */
  #own;

  constructor() {
    super();
    this.#number.setAttribute("part", "number");
    this.#label.setAttribute("part", "label");
    this.#number.append(this.#content);
    const root = this.attachShadow({ mode: "open" });
    root.append(this.#number, this.#label);
    dress(root, CSS);
  }

  async connectedCallback() {
    const { signal } = (this.#connected = new AbortController());
    const element = /** @type {any} */ (this);
    for (const name of ATTRIBUTES.map(propertyOf)) {
      if (!this.hasOwnProperty(name)) continue;
      const choice = element[name]; // set before this script was loaded
      delete element[name];
      element[name] = choice;
    }
    storeOnly(this.getAttribute(STORES));
    await isReady;
    await shown();
    storesNothing(); // before anything is read
    const tags = /** @type {any[]} */ ([this, ...document.scripts]);
    if (tags.some(({ dataset, src = OWN }) => dataset.debug != null && src.includes(OWN))) await import("./koyjabo-debug.2.js").catch(() => {});
    if (signal.aborted) return;
    const base = (this.#base = serverOf(this.getAttribute("base-url")));
    if (!base) return;
    connected.add(this);
    for (const name of CHOICES) shared.lines?.chosen?.(name, this.getAttribute(name));
    this.#count();
    const community = this.getAttribute("community");
    if (community) return this.#follow(new URL(`ws/communities/${encodeURIComponent(community)}/visitors/`, base), signal);
    this.#koyjabo = source(base);
    const end = this.#koyjabo.subscribe((stats) => {
      this.#stats = stats;
      this.#show();
    });
    signal.addEventListener("abort", end);
    this.#watch();
  }

  disconnectedCallback() {
    this.#connected?.abort();
    connected.delete(this);
    this.#base = this.#koyjabo = undefined;
    this.#watch();
  }

  /** @param {string} [name]  @param {string | null} [before]  @param {string | null} [now] */
  attributeChangedCallback(name = "", before, now) {
    if (PLACES.includes(name) && before !== now && this.#connected && this.isConnected) {
      this.disconnectedCallback();
      this.#stats = null; // of the server or community before
      this.#online = undefined;
      this.connectedCallback();
    }
    this.#count();
    this.#watch();
    this.#show();
  }

  get #isPage() {
    return this.getAttribute("value") === PAGE;
  }

  /** Count what this element wants counted. What has begun does not end with the element. */
  #count() {
    const { counts, views } = /** @type {any} */ (this);
    if (this.#base && counts && !isCounted(this.#base.host)) source(this.#base).count(views);
  }

  /** Watch the page that the attributes name, or the one that contains the element. */
  #watch = () => {
    const named = this.getAttribute(PAGE), path = this.#koyjabo && this.#isPage ? named || ownPath() : "";
    if (path === this.#path) return;
    this.#unwatch?.();
    this.#path = path;
    this.#views = null;
    this.#show();
    if (path && !named) onPath(this.#watch, this.#connected?.signal);
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
    const value = this.getAttribute("value") ?? "total", ofSite = this.#stats?.[NUMBERS[value]];
    const isOther = !this.#isPage && !NUMBERS[value] && !this.hasAttribute("community"), isMine = isOther && value === MINE;
    this.#content.style.minInlineSize = isOther ? "0" : "";
    if (isOther && !isMine && this.#stats) say(`value: use ${Object.keys(NUMBERS).join(", ")}, ${PAGE} or ${MINE}, not "${value}"`);
    const number = this.#online ?? (this.#isPage ? this.#views : ofSite);
    const write = (/** @type {number} */ given) => written(given, lang, document.documentElement.lang, "en");
    const base = this.#base, element = /** @type {any} */ (this);
    if (base && (isMine || element.share || this.#own)) {
      this.#own ??= persistently(() => import("./koyjabo-own.1.js"));
      this.#own.then(({ show }) => show(element, { base, koyjabo: source(base), session, content: this.#content, lang, write, dress }));
    }
    if (isMine) return;
    const label = this.getAttribute("label");
    this.#label.textContent = label ? ` ${label}` : "";
    this.#number.replaceChildren(number == null ? this.#content : write(number));
  }
}

/**
 * Reflect an attribute as a property.
 * @param {string} name  @param {(text: string | null) => unknown} [read]
 * @param {(value: any) => any} [written]  null and undefined remove the attribute
 */
function reflect(name, read = (text) => text, written = read) {
  Object.defineProperty(KoyJaboCount.prototype, propertyOf(name), {
    /** @this {HTMLElement} */
    get() {
      return read(this.getAttribute(name));
    },
    /** @this {HTMLElement}  @param {unknown} value */
    set(value) {
      const text = written(value);
      text == null ? this.removeAttribute(name) : this.setAttribute(name, text);
    },
  });
}

for (const name of TEXTS) reflect(name);
for (const name of CHOICES) reflect(name, isOn, (choice) => (isOn(choice) ? null : false));
reflect(SHARE, isSet, (choice) => (isSet(choice) ? "" : null));

// A page may evaluate this script again, or another of its files.
if (!customElements.get(NAME)) {
  try {
    const changes = new MutationObserver(() => connected.forEach((element) => element.attributeChangedCallback()));
    changes.observe(document, { attributeFilter: ["lang"], subtree: true });
  } catch {
    // The browser forbids it: the digits of the page's language come with the next number.
  }
  customElements.define(NAME, KoyJaboCount);
}
