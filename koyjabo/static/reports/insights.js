/** Insights without reloads: fetches links and forms, and replaces page parts. Keyboard shortcuts choose ranges. */

import { asText } from "./as-text.js";
import { LiveCells } from "./live-cells.js";
import { LivePage, replaceParts } from "../webkit/live.js";
import { find, write } from "../webkit/page.js";
import "../webkit/parts/roving.js";

const ANSWER_LIMIT_MS = 300_000; // a filtered year of a large site takes a minute
const NOTICED_MS = 300; // a slower response shows its progress
const AT_ONCE = 2; // parallel requests for parts
const REST_MS = 2_000, WHOLE_REST_MS = 10_000; // between a response and the next request
const UNPUSHED_MS = 10_000; // the time between requests for all parts while no numbers are pushed
const LONGEST_QUESTION = 4_000; // characters; the server refuses a message of more than 4 KB
const KEPT = ["data-moment", "data-version", "data-view", "data-address", "data-today", "hidden"]; // on the parts of the page, from the HTML they show
const TYPING = "input, select, textarea, [contenteditable]";

const root = find("[data-insights]");
const progress = find("[data-insights-progress]");
let asking = new AbortController();
let shown = location.pathname + location.search;

/**
 * @param {string} url  @param {AbortSignal} signal
 * @returns {Promise<Document | null>} the page; null if it is not an Insights page
 */
async function read(url, signal) {
  const limit = AbortSignal.any?.([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]) ?? signal;
  const response = await fetch(url, { headers: { Accept: "text/html" }, signal: limit });
  const answer = new DOMParser().parseFromString(await response.text(), "text/html");
  return response.redirected || !answer.querySelector("[data-insights]") ? null : answer; // the session may have ended
}

/** The address of the shown view. */
const present = () => new URL(find("[data-part=head]").dataset.address ?? "", location.href);

/** Shows the view at an address. @param {string} url  @param {boolean} isNew  whether to add a history entry */
async function go(url, isNew) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking, focused = focusNow();
  const noticed = setTimeout(() => showProgress(0, 0), NOTICED_MS);
  try {
    const newer = await read(url, signal);
    if (!newer) return location.assign(url);
    if (isNew) history.pushState(null, "", url);
    shown = location.pathname + location.search;
    replace(/** @type {HTMLElement} */ (newer.querySelector("[data-insights]")));
    ask();
    replaceParts(newer); // parts outside Insights, for the same days
    notify(focused);
    await fill(signal);
    say();
  } catch {
    if (!signal.aborted) location.assign(url); // the browser shows that the server cannot be reached
  } finally {
    clearTimeout(noticed);
    if (!signal.aborted) showProgress(1, 1);
  }
}

/** Replaces parts by name, one by one, so that the page does not scroll. @param {HTMLElement} newer */
function replace(newer) {
  if (parts(newer).join() === parts(root).join()) newer.querySelectorAll("[data-part]").forEach(replacePart);
  else {
    newer.querySelector("[data-kept]")?.replaceWith(find("[data-kept]")); // scripts use it
    root.replaceChildren(...newer.childNodes);
  }
}

/** A part that is still being counted keeps its old contents until the count is complete. @param {Element} newer */
function replacePart(newer) {
  const part = find(`#${newer.id}`);
  date(part, newer);
  part.toggleAttribute("data-pending", newer.hasAttribute("data-pending"));
  if (newer.hasAttribute("data-pending")) part.setAttribute("aria-busy", "true");
  else {
    part.removeAttribute("aria-busy");
    part.replaceChildren(...newer.childNodes);
  }
}

/** Requests the parts that were missing when the page was loaded. @param {AbortSignal} signal */
async function fill(signal) {
  const pending = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[data-pending]")]), all = pending.length;
  const work = async () => {
    for (let part = pending.shift(); part && !signal.aborted; part = pending.shift()) {
      showProgress(all - pending.length - 1, all);
      await fillPart(part, signal);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (all && root.querySelector("[data-older]")) setTimeout(refresh); // because the parts came one by one
}

/** Requests a part, or shows a button to try again. @param {HTMLElement} part  @param {AbortSignal} signal */
async function fillPart(part, signal) {
  const url = present();
  url.searchParams.set("part", part.dataset.part ?? "");
  const answer = await read(url.href, signal).catch(() => null), newer = answer?.querySelector("[data-part]");
  if (signal.aborted) return;
  const focused = focusNow();
  if (answer && newer) {
    showAnswer(answer);
    replacePart(newer);
  } else showFailure(part);
  notify(focused);
  compare();
}

/** @param {HTMLElement} part */
function showFailure(part) {
  const template = /** @type {HTMLTemplateElement} */ (find("template[data-insights-failed]"));
  const failure = document.importNode(template.content, true);
  /** @type {Element} */ (failure.firstElementChild).id = part.getAttribute("aria-labelledby") ?? "";
  part.removeAttribute("aria-busy");
  part.replaceChildren(failure);
}

/** @param {HTMLElement} part  the part that has failed */
async function retry(part) {
  const { signal } = asking;
  showProgress(0, 0);
  await fillPart(part, signal);
  if (signal.aborted) return;
  showProgress(1, 1);
  part.tabIndex = -1;
  (/** @type {HTMLElement | null} */ (part.querySelector("[data-retry]")) ?? part).focus();
}

/** Notifies scripts that listen for changes, and restores the focus. @param {() => HTMLElement | null} focused */
function notify(focused) {
  root.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  if (document.activeElement === document.body) focused()?.focus({ preventScroll: true });
}

/** Returns a function that finds the focused element after a change, or the choice of days if it is gone. */
function focusNow() {
  const element = /** @type {HTMLElement | null} */ (document.activeElement);
  if (!element || !root.contains(element)) return () => null;
  const menu = element.closest("details"), at = menu ? [...root.querySelectorAll("summary")].indexOf(/** @type {HTMLElement} */ (menu.querySelector("summary"))) : 0;
  const { key } = element.dataset, own = element.id ? `#${CSS.escape(element.id)}` : key ? `[data-key="${CSS.escape(key)}"]` : "summary";
  return () => /** @type {HTMLElement | null} */ ((own !== "summary" && root.querySelector(own)) || root.querySelectorAll("summary")[at]);
}

/** @param {HTMLElement} element */
const parts = (element) => Array.from(element.querySelectorAll("[data-part]"), (part) => part.id);

/** @param {number} done  @param {number} all  number of parts; 0 of 0 means unknown */
function showProgress(done, all) {
  const bar = /** @type {HTMLProgressElement} */ (progress.firstElementChild);
  if (all) Object.assign(bar, { max: all, value: done });
  else bar.removeAttribute("value");
  progress.hidden = all > 0 && done >= all;
  root.toggleAttribute("data-busy", !progress.hidden);
}

/** Announces the shown view to screen readers. */
function say() {
  const texts = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-said]"));
  write(find("[data-insights-said]"), Array.from(texts, (text) => text.dataset.said).join(". "));
}

/** Whether a link leads to a view of this page, whose address in the browser may have another spelling. @param {string} href */
const isView = (href) => new URL(href).pathname === present().pathname;

root.addEventListener("click", (event) => {
  const link = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest("a[href]"));
  const href = new URL(link?.getAttribute("href") ?? "", location.href).href; // links in maps have no text in `href`
  if (!link || link.getAttribute("href")?.startsWith("#") || link.hasAttribute("download") || !isView(href) || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  void go(href, true);
  link.closest("details.menu")?.removeAttribute("open");
});

root.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("[data-retry]");
  if (button) void retry(/** @type {HTMLElement} */ (button.closest("[data-part]")));
});

root.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-as-text]"));
  if (button) button.dataset.copy = asText(root, button.dataset.asText ?? ""); // before webkit/parts/copy.js copies it
});

root.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!isView(form.action)) return;
  event.preventDefault();
  const url = new URL(form.action);
  for (const [name, value] of new FormData(form)) url.searchParams.append(name, String(value));
  void go(url.href, true);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (/** @type {Element} */ (event.target).closest(TYPING) || document.querySelector("dialog[open]")) return;
  const key = /^Key[A-Z]$/.test(event.code) ? event.code.slice(3) : event.key.toUpperCase(); // also on a Bangla keyboard
  const control = /** @type {HTMLElement | null} */ (root.querySelector(`[aria-keyshortcuts="${CSS.escape(key)}"]`));
  if (!control) return;
  event.preventDefault();
  control.click();
  if (control.matches("summary")) control.focus();
});

addEventListener("popstate", () => {
  if (location.pathname + location.search !== shown) void go(location.href, false);
});

// All figures are from the same moment: the line above them shows the number of the newest visit. The
// server pushes the view's numbers.

/** @type {WebSocket | null} */
let line = null;
let isPushed = false; // whether numbers of this view have come over the connection

/** Lets the server push the view's numbers. @param {WebSocket} socket  must be open */
export function follow(socket) {
  line = socket;
  ask();
}

const isOpen = () => line?.readyState === 1;

function ask() {
  isPushed = false;
  live.forget();
  const view = find("[data-view]") && JSON.stringify({ type: "view", query: present().search });
  if (view && view.length <= LONGEST_QUESTION && isOpen()) line?.send(view);
}

const live = new LiveCells(root);

/** @param {import("./live-cells.js").ViewUpdate} update */
export function take(update) {
  isPushed = live.take(update) || isPushed;
  compare();
  if (live.outdated.length) page.refresh();
}

setInterval(() => {
  if (isPushed && isOpen()) return void (live.outdated.length && page.refresh()); // after a failed request
  ask();
  refresh();
}, UNPUSHED_MS);

/**
 * Shows a response. If it is older than the pushed numbers, or has only some parts, the pushed numbers and their moment
 * are written into it first. @param {ParentNode} newer
 */
function showAnswer(newer) {
  const hasAll = dated().every((part) => newer.querySelector(`#${part.id}`));
  if (live.isBehind(newer) || !hasAll) live.adopt(newer);
  const line = find("#insights-moment"), next = /** @type {HTMLElement | null} */ (newer.querySelector("#insights-moment"));
  if (!line || !next) return;
  if (line.hasAttribute("data-exact") !== next.hasAttribute("data-exact")) line.replaceWith(document.importNode(next, true));
  live.showMoment(Number(next.dataset.moment), next.querySelector("#insights-time")?.textContent ?? "");
}

/** @param {Element} part  @param {Element} newer  the part that its contents come from */
function date(part, newer) {
  const asOf = part.querySelector("[data-as-of]"), next = newer.querySelector("[data-as-of]");
  for (const name of KEPT) {
    const value = newer.getAttribute(name);
    if (value !== null) part.setAttribute(name, value);
    else part.removeAttribute(name); // the part is still being counted, its days are over, or its card has its first value
  }
  root.querySelector(`nav [href="#${part.id}"]`)?.toggleAttribute("hidden", part.hasAttribute("hidden"));
  if (asOf && next) write(asOf, next.textContent ?? "");
}

const dated = () => /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[data-part][data-moment]")]);

/** While a day is still running, parts from another moment are greyed out and show that moment. */
function compare() {
  const moment = find("#insights-moment")?.dataset.moment, isRunning = root.querySelector("[data-today]") !== null;
  for (const part of dated()) part.toggleAttribute("data-older", isRunning && part.dataset.moment !== moment);
}

/** Whether a list has the focus, and is replaced when it leaves. @param {Element} part  @param {Document} newer */
function isHeld(part, newer) {
  const held = document.activeElement?.closest("[data-live]");
  return held && part.contains(held) && newer.getElementById(held.id)?.isEqualNode(held) === false;
}

document.addEventListener("answered", (event) => {
  const newer = /** @type {CustomEvent<Document>} */ (event).detail;
  showAnswer(newer);
  for (const part of dated()) {
    const next = newer.getElementById(part.id);
    if (!next || isHeld(part, newer)) continue;
    date(part, next);
    live.arrived(next);
  }
  compare();
});

/** The address for requesting the HTML of outdated parts. */
function ofParts() {
  const url = present(), { outdated } = live;
  url.searchParams.set("part", outdated.join());
  return outdated.length ? url.href : "";
}

const page = new LivePage(ofParts, REST_MS, () => present().href);
const whole = new LivePage(() => present().href, WHOLE_REST_MS); // for pages that show more from the same moment

/** Requests all parts, after a change whose numbers are not pushed. */
export function refresh() {
  const isShown = dated().length && root.querySelector("[data-today]");
  if (!isShown || root.hasAttribute("data-busy")) return;
  if (root.hasAttribute("data-whole")) return whole.refresh();
  live.outdateAll();
  page.refresh();
}

root.addEventListener("focusout", () => live.outdated.length && setTimeout(() => page.refresh()));

/** @type {Promise<void> | undefined} */
let following;

/** Draws lines in the chart for list rows, except on touch screens. @param {Event} event */
function followRows(event) {
  if (event instanceof PointerEvent && event.pointerType === "touch") return;
  following ??= import("./row-lines.js").then(({ follow }) => follow(root)).catch(() => {});
}

root.addEventListener("pointerover", followRows);
root.addEventListener("focusin", followRows);

void fill(asking.signal).finally(() => showProgress(1, 1));
