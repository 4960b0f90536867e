/**
 * The number of this visitor's visit as a link, and the button that shares the link (docs/client.md). The element loads
 * this module for `value="mine"` and `share`.
 */

const CSS = "[part=link],[part=share]{color:inherit}[part=share]{min-block-size:24px;margin-inline-start:.5em;padding:.1em .6em;" +
  "border:1px solid;border-radius:.4em;background:none;font:inherit;font-size:min(1em,1rem);font-weight:400;" +
  "vertical-align:middle;cursor:pointer}[part=status]:not(:empty)" +
  "{margin-inline-start:.5em;overflow-wrap:anywhere}:focus-visible{outline:2px solid;outline-offset:2px}";
const COPIED_MS = 4_000;

const WORDS = {
  en: { visit: "Visit no. {number}", share: "Share", own: "Share visit no. {number}", copied: "Link copied", copy: "Copy this link: " },
  bn: {
    ...{ visit: "ভিজিট নং {number}", share: "শেয়ার করুন", own: "ভিজিট নং {number} শেয়ার করুন" },
    ...{ copied: "লিংক কপি হয়েছে", copy: "এই লিংক কপি করুন: " },
  },
};

/**
 * @typedef {import("./koyjabo-client.3.js").KoyJabo} KoyJabo
 * @typedef {import("./koyjabo-client.3.js").Receipt} Receipt
 *
 * @typedef {HTMLElement & {share: boolean}} CountElement
 *
 * @typedef {object} Given  by an element
 * @property {KoyJabo} koyjabo
 * @property {URL} base  the server's URL
 * @property {Record<string, string | undefined>} session
 * @property {Node} content  of the element, until its number is known
 * @property {string} lang  of the words
 * @property {(number: number) => string} write
 * @property {(root: ShadowRoot, css: string) => void} dress
 */

/**
 * The receipt of this session's visit, if there is one. A page may count the visit itself, also for a community.
 * @param {Given} given  @returns {Receipt | null | undefined}
 */
function receiptOf({ koyjabo, base, session }) {
  const { isNotCounted } = /** @type {typeof import("./koyjabo-client.3.js").KoyJabo} */ (koyjabo.constructor);
  if (isNotCounted || !koyjabo.visitorId) return; // a page that stores nothing has no visitorId
  if (koyjabo.visit) return koyjabo.visit;
  const own = `koyjabo.visit ${base.host}`;
  for (const key of Object.keys(session)) {
    if (key !== own && !key.startsWith(`${own} `)) continue;
    try {
      const { receipt } = JSON.parse(/** @type {string} */ (session[key]));
      if (receipt.ordinal) return receipt;
    } catch {
      // It is not registered yet, or another script wrote it.
    }
  }
}

/** The parts of an element for the visitor's own visit. */
class Own {
  link = part("a", "link");
  #button = part("button", "share");
  #status = part("span", "status"); // says that the link was copied, or shows it
  #title = "";
  #lang = /** @type {keyof typeof WORDS} */ ("en");
  #timer = 0;

  constructor() {
    this.#button.type = "button";
    this.#button.addEventListener("click", () => this.#share());
    this.#status.setAttribute("role", "status");
  }

  /** @param {Omit<Receipt, "today">} visit  @param {Given} given */
  name({ ordinal, share }, { base, lang, write }) {
    const number = write(ordinal), words = WORDS[(this.#lang = /^bn\b/i.test(lang) ? "bn" : "en")];
    this.#title = words.visit.replace("{number}", number);
    Object.assign(this.link, { href: new URL(share.slice(1), base).href, lang: this.#lang, ariaLabel: this.#title });
    Object.assign(this.#button, { lang: this.#lang, ariaLabel: words.own.replace("{number}", number) });
    say(this.link, number);
    say(this.#button, words.share);
  }

  /** Add the button to an element, or remove it. @param {ShadowRoot} root  @param {boolean} shares */
  offer(root, shares) {
    const parts = [this.#button, this.#status];
    if (!shares) for (const one of parts) one.remove();
    else if (!this.#button.isConnected) root.append(...parts);
  }

  /** Share the link with an app, or else copy it, or else show it. */
  async #share() {
    const { href: url } = this.link, words = WORDS[this.#lang];
    try {
      return await navigator.share({ title: this.#title, text: this.#title, url });
    } catch (error) {
      if (/** @type {any} */ (error).name === "AbortError") return; // the visitor has cancelled
    }
    clearTimeout(this.#timer);
    this.#status.lang = this.#lang;
    try {
      await navigator.clipboard.writeText(url);
      say(this.#status, words.copied);
      this.#timer = setTimeout(() => say(this.#status, ""), COPIED_MS);
    } catch {
      const link = Object.assign(part("a", "link"), { href: url, textContent: url });
      this.#status.replaceChildren(words.copy, link);
    }
  }
}

/** @template {"a" | "button" | "span"} T  @param {T} tag  @param {string} name  @returns {HTMLElementTagNameMap[T]} */
function part(tag, name) {
  const element = document.createElement(tag);
  element.setAttribute("part", name);
  return element;
}

/** @param {Element} element  @param {string} text */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @type {WeakMap<CountElement, Own>} */
const shown = new WeakMap();

/**
 * Show what an element has of the visitor's own visit.
 * @param {CountElement} element  its `data-sample` is a number to show in place of the visitor's, as on the page Connect
 * @param {Given} given
 */
export function show(element, given) {
  const root = /** @type {ShadowRoot} */ (element.shadowRoot), [number, label] = root.children;
  let own = shown.get(element);
  if (!own) {
    shown.set(element, (own = new Own()));
    given.dress(root, CSS);
  }
  const { sample } = element.dataset;
  const visit = sample ? { ordinal: Number(sample), share: "" } : receiptOf(given);
  if (visit) own.name(visit, given);
  own.offer(root, !!visit && element.share);
  if (element.getAttribute("value") !== "mine" || element.hasAttribute("community")) return;
  const content = visit ? own.link : given.content, text = visit && element.getAttribute("label");
  if (number.firstChild !== content) number.replaceChildren(content); // a link would lose its focus
  say(label, text ? ` ${text}` : "");
}
