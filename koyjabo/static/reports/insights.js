/** Insights without reloads: its links and forms are fetched, and the parts of the page replaced. Keys choose ranges. */

import { Figures } from "../webkit/figures.js";
import { LivePage, replaceParts } from "../webkit/live.js";
import { find, readJson, write } from "../webkit/page.js";
import "../webkit/parts/roving.js";

const ANSWER_LIMIT_MS = 300_000; // a filtered year of a large site takes a minute
const NOTICED_MS = 300; // an answer that takes longer shows its progress
const AT_ONCE = 2; // requests for parts
const REST_MS = 2_000; // from an answer to the next question
const OFTEN_ENOUGH_MS = 60_000; // also without a visit: shares of a running day, and the most at once, change with the time
const TYPING = "input, select, textarea, [contenteditable]";

const root = find("[data-insights]");
const progress = find("[data-insights-progress]");
let figures = new Figures(root);
const beside = Array.from(document.querySelectorAll("[data-sums]"), (part) => new Figures(part));
let active = 0; // visitors of the site, where the page hears of them
let asking = new AbortController();
let shown = location.pathname + location.search;

/** @param {string} url  @param {AbortSignal} signal  @returns {Promise<Document | null>} that page, if it is one of Insights */
async function read(url, signal) {
  const limit = AbortSignal.any?.([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]) ?? signal;
  const response = await fetch(url, { headers: { Accept: "text/html" }, signal: limit });
  const answer = new DOMParser().parseFromString(await response.text(), "text/html");
  return response.redirected || !answer.querySelector("[data-insights]") ? null : answer; // the session may have ended
}

/** The address of a view without what is remembered once. @param {string} url */
function kept(url) {
  const address = new URL(url, location.href);
  address.searchParams.delete("keep");
  return address.href;
}

/** The address of the view that is shown, with its comparison. */
const present = () => new URL(find("[data-part=head]").dataset.address ?? "", location.href);

/** Shows the view of an address. @param {string} url  @param {boolean} isNew  whether it is a new entry of the history */
async function go(url, isNew) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking, focused = focusNow();
  const noticed = setTimeout(() => showProgress(0, 0), NOTICED_MS);
  try {
    const newer = await read(url, signal);
    if (!newer) return location.assign(url);
    if (isNew) history.pushState(null, "", kept(url));
    shown = location.pathname + location.search;
    replace(/** @type {HTMLElement} */ (newer.querySelector("[data-insights]")));
    replaceParts(newer); // those beside Insights, of the same days
    tell(focused);
    await fill(signal);
    say();
  } catch {
    if (!signal.aborted) location.assign(url); // the browser says that the server cannot be reached
  } finally {
    clearTimeout(noticed);
    if (!signal.aborted) showProgress(1, 1);
  }
}

/** Parts with the same names are replaced one by one, so that the page stays where it is. @param {HTMLElement} newer */
function replace(newer) {
  if (parts(newer).join() === parts(root).join()) newer.querySelectorAll("[data-part]").forEach(replacePart);
  else root.replaceChildren(...newer.childNodes);
}

/** One that is still counted keeps what it shows until then. @param {Element} newer */
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

/** Asks for the parts that the page came without. @param {AbortSignal} signal */
async function fill(signal) {
  const pending = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[data-pending]")]), all = pending.length;
  const work = async () => {
    for (let part = pending.shift(); part && !signal.aborted; part = pending.shift()) {
      showProgress(all - pending.length - 1, all);
      await fillPart(part, signal);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (all && root.querySelector("[data-older]")) setTimeout(refresh); // they came one by one
}

/** One that does not come says so, and can be asked for again. @param {HTMLElement} part  @param {AbortSignal} signal */
async function fillPart(part, signal) {
  const url = present();
  url.searchParams.set("part", part.dataset.part ?? "");
  const answer = await read(url.href, signal).catch(() => null), newer = answer?.querySelector("[data-part]");
  if (signal.aborted) return;
  const focused = focusNow();
  if (answer && newer) {
    replacePart(newer);
    showMoment(answer);
  } else showFailure(part);
  tell(focused);
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

/** @param {HTMLElement} part  that has failed */
async function retry(part) {
  const { signal } = asking;
  showProgress(0, 0);
  await fillPart(part, signal);
  if (signal.aborted) return;
  showProgress(1, 1);
  part.tabIndex = -1;
  (/** @type {HTMLElement | null} */ (part.querySelector("[data-retry]")) ?? part).focus();
}

/** For what listens to changes of the page, and for the focus. @param {() => HTMLElement | null} focused */
function tell(focused) {
  figures = new Figures(root);
  showNumbers();
  root.dispatchEvent(new CustomEvent("replaced", { bubbles: true }));
  if (document.activeElement === document.body) focused()?.focus({ preventScroll: true });
}

/** Finds the link, button or field after a change that has the focus now; if it is gone, the choice of days. */
function focusNow() {
  const element = /** @type {HTMLElement | null} */ (document.activeElement);
  if (!element || !root.contains(element)) return () => null;
  const menu = element.closest("details"), at = menu ? [...root.querySelectorAll("summary")].indexOf(/** @type {HTMLElement} */ (menu.querySelector("summary"))) : 0;
  const { key } = element.dataset, own = element.id ? `#${CSS.escape(element.id)}` : key ? `[data-key="${CSS.escape(key)}"]` : "summary";
  return () => /** @type {HTMLElement | null} */ ((own !== "summary" && root.querySelector(own)) || root.querySelectorAll("summary")[at]);
}

/** @param {HTMLElement} element */
const parts = (element) => Array.from(element.querySelectorAll("[data-part]"), (part) => part.id);

/** @param {number} done  @param {number} all  parts; 0 of 0: not known */
function showProgress(done, all) {
  const bar = /** @type {HTMLProgressElement} */ (progress.firstElementChild);
  if (all) Object.assign(bar, { max: all, value: done });
  else bar.removeAttribute("value");
  progress.hidden = all > 0 && done >= all;
  root.toggleAttribute("data-busy", !progress.hidden);
}

/** Announces the present view to screen readers. */
function say() {
  const said = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-said]"));
  write(find("[data-insights-said]"), Array.from(said, (each) => each.dataset.said).join(". "));
}

/** @param {string} href */
const isView = (href) => new URL(href).pathname === location.pathname;

root.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest("a[href]");
  const href = new URL(link?.getAttribute("href") ?? "", location.href).href; // links of maps have no text in `href`
  if (!link || link.getAttribute("href")?.startsWith("#") || link.hasAttribute("download") || !isView(href) || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  void go(href, true);
  link.closest("details.menu")?.removeAttribute("open");
});

root.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("[data-retry]");
  if (button) void retry(/** @type {HTMLElement} */ (button.closest("[data-part]")));
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
  const key = /^Key[A-Z]$/.test(event.code) ? event.code.slice(3) : event.key.toUpperCase(); // also of a Bangla keyboard
  const control = /** @type {HTMLElement | null} */ (root.querySelector(`[aria-keyshortcuts="${CSS.escape(key)}"]`));
  if (!control) return;
  event.preventDefault();
  control.click();
  if (control.matches("summary")) control.focus();
});

addEventListener("popstate", () => {
  if (location.pathname + location.search !== shown) void go(location.href, false);
});

// One moment: all figures and lists come with one answer, and the line above them says up to which visit they are exact.

/** @returns {Record<string, number>} the figures of the moment, by name */
export const numbers = () => readJson("insights-numbers") ?? {};

function showNumbers() {
  const known = numbers();
  if ("peak_active" in known && root.querySelector("[data-today]")) known.peak_active = Math.max(known.peak_active, active);
  for (const each of [figures, ...beside]) each.show(known);
}

/** The most at once are never fewer than the visitors who are here now. @param {number} visitors */
export function showActive(visitors) {
  active = visitors;
  showNumbers();
}

/** @param {ParentNode} newer  whose line says of which moment it is */
function showMoment(newer) {
  const line = find("#insights-moment"), next = /** @type {HTMLElement | null} */ (newer.querySelector("#insights-moment"));
  if (!line || !next) return;
  if (line.hasAttribute("data-exact") !== next.hasAttribute("data-exact")) {
    line.replaceWith(document.importNode(next, true));
    figures = new Figures(root);
  }
  line.dataset.moment = next.dataset.moment;
  write(find("#insights-time"), next.querySelector("#insights-time")?.textContent ?? "");
  figures.show({ upto: Number(next.querySelector("[data-stat]")?.getAttribute("data-value")) });
}

/** @param {Element} part  @param {Element} newer  of which it shows the contents */
function date(part, newer) {
  const moment = newer.getAttribute("data-moment"), asOf = part.querySelector(":scope > [data-as-of]"), next = newer.querySelector(":scope > [data-as-of]");
  if (moment) part.setAttribute("data-moment", moment);
  else part.removeAttribute("data-moment"); // it is still counted
  if (asOf && next) write(asOf, next.textContent ?? "");
}

const dated = () => /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[data-part][data-moment]")]);

/** Parts of another moment than the line's are grey, and say as of when they are. */
function compare() {
  const moment = find("#insights-moment")?.dataset.moment;
  for (const part of dated()) part.toggleAttribute("data-older", part.dataset.moment !== moment);
}

/** A list with the focus waits until the focus leaves it. @param {Element} part  @param {Document} newer */
function isHeld(part, newer) {
  const live = document.activeElement?.closest("[data-live]");
  return live && part.contains(live) && newer.getElementById(live.id)?.isEqualNode(live) === false;
}

document.addEventListener("answered", (event) => {
  const newer = /** @type {CustomEvent<Document>} */ (event).detail;
  showMoment(newer);
  for (const part of dated()) {
    const next = newer.getElementById(part.id);
    if (next && !isHeld(part, newer)) date(part, next);
  }
  compare();
});
root.addEventListener("replaced", (event) => {
  if (/** @type {Element} */ (event.target).id === "insights-numbers") showNumbers();
});

/** The address of all parts alone, or of a page that shows more of the same moment. */
function live() {
  const url = present();
  if (!root.hasAttribute("data-whole")) url.searchParams.set("part", dated().map((part) => part.dataset.part).join());
  return url.href;
}

const page = new LivePage(live, REST_MS);

/** For pages that hear of visits. */
export function refresh() {
  const isShown = dated().length && (root.querySelector("[data-today]") || document.querySelector("[data-sums]"));
  if (isShown && !root.hasAttribute("data-busy")) page.refresh();
}

root.addEventListener("focusout", () => root.querySelector("[data-older]") && setTimeout(refresh));
setInterval(refresh, Number(root.dataset.everyMs ?? OFTEN_ENOUGH_MS));

/** @type {Promise<void> | undefined} */
let following;

/** Rows of lists have lines in the chart; they are not drawn for a finger. @param {Event} event */
function followRows(event) {
  if (event instanceof PointerEvent && event.pointerType === "touch") return;
  following ??= import("./row-lines.js").then(({ follow }) => follow(root)).catch(() => {});
}

root.addEventListener("pointerover", followRows);
root.addEventListener("focusin", followRows);

void fill(asking.signal).finally(() => showProgress(1, 1));
