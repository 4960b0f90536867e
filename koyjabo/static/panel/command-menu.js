/** The command menu: finds pages, communities, users and visits (ARIA: combobox with a listbox). */

import { locale } from "../webkit/figures.js";
import { find, make, write } from "../webkit/page.js";

/** @typedef {{kind: string, label: string, detail: string, url: string}} Result */

const REST_MS = 150;
const dialog = /** @type {HTMLDialogElement} */ (find("#command-menu"));
const field = /** @type {HTMLInputElement} */ (dialog.querySelector("input"));
const list = /** @type {HTMLElement} */ (dialog.querySelector("[role=listbox]"));
const outcome = /** @type {HTMLElement} */ (dialog.querySelector("[role=status]"));
const address = find("[data-command-menu]").dataset.commandMenu ?? "";

let timer = 0;
let asking = new AbortController();
let chosen = -1;
let isWaiting = false; // waiting for the response to the newest text
let isEntered = false; // Enter was pressed in the meantime

const options = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[role=option]")]);

export function open() {
  if (dialog.open) return;
  dialog.showModal();
  field.select();
  isEntered = false;
  void ask();
}

/** Search for the typed text. Drops responses to earlier searches. */
async function ask() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const response = await fetch(`${address}?q=${encodeURIComponent(field.value)}`, { signal });
    if (response.redirected) return location.assign(response.url); // the session has ended
    if (!response.ok) throw new Error(String(response.status));
    const { results } = await response.json();
    isWaiting = false;
    show(results);
  } catch {
    if (signal.aborted) return;
    isWaiting = isEntered = false;
    write(outcome, outcome.dataset.failed ?? "");
  }
}

/** @param {Result[]} results */
function show(results) {
  const kinds = new Set(results.map((result) => result.kind));
  list.replaceChildren(...[...kinds].map((kind) => group(kind, results.filter((result) => result.kind === kind))));
  for (const [at, option] of options().entries()) option.id = `command-${at}`;
  field.setAttribute("aria-expanded", String(results.length > 0));
  const { none = "", one = "", many = "" } = outcome.dataset;
  write(outcome, [none, one][results.length] ?? many.replace("{count}", results.length.toLocaleString(locale)));
  mark(results.length && field.value ? 0 : -1);
  if (isEntered && results.length) go(options()[0], false);
  isEntered = false;
}

/** @param {string} kind  @param {Result[]} results */
function group(kind, results) {
  return make("li", { role: "group", "aria-label": kind }, make("span", { "aria-hidden": "true" }, kind), ...results.map(row));
}

/** @param {Result} result */
function row(result) {
  const attributes = { role: "option", "aria-selected": "false", "data-url": result.url };
  return make("div", attributes, make("bdi", {}, result.label), make("span", { class: "quiet" }, result.detail));
}

/** @param {number} at  index of the option; -1 for none */
function mark(at) {
  chosen = at;
  for (const [index, option] of options().entries()) {
    option.setAttribute("aria-selected", String(index === at));
    if (index === at) option.scrollIntoView({ block: "nearest" });
  }
  if (at < 0) field.removeAttribute("aria-activedescendant");
  else field.setAttribute("aria-activedescendant", `command-${at}`);
}

/** @param {HTMLElement} option  @param {boolean} apart  whether to open another tab */
function go(option, apart) {
  const url = option.dataset.url ?? "";
  dialog.close();
  if (apart) window.open(url, "_blank", "noopener");
  else location.assign(url);
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  asking.abort();
  isWaiting = true;
  mark(-1); // the option belonged to the results of an earlier search
  timer = setTimeout(ask, REST_MS);
});
field.addEventListener("keydown", (event) => {
  const count = options().length;
  if (event.isComposing) return;
  if (event.key === "ArrowDown" && count) mark((chosen + 1) % count);
  else if (event.key === "ArrowUp" && count) mark((chosen <= 0 ? count : chosen) - 1);
  else if (event.key === "Enter" && isWaiting) isEntered = true;
  else if (event.key === "Enter" && chosen >= 0) go(options()[chosen], event.ctrlKey || event.metaKey);
  else if (event.key === "Escape") dialog.close(); // otherwise it would only clear the search field
  else return;
  event.preventDefault();
});
list.addEventListener("click", (event) => {
  const option = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[role=option]"));
  if (option) go(option, event.ctrlKey || event.metaKey);
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // a click outside its contents
});
