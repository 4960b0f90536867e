/** Draws the line for a list row in the chart while the pointer rests on the row or the row has keyboard focus. */

/** @typedef {Record<string, number | string | boolean | null>} Period */

const REST_MS = 200; // how long the pointer rests before a request is sent
const MAX_A_MINUTE = 30; // requests per page
const MINUTE_MS = 60_000;
const MAX_KEPT = 100; // answers

/** Responses by address; empty for a refused request. @type {Map<string, Period[]>} */
const kept = new Map();
/** The times of recent requests. @type {number[]} */
let asked = [];
let asking = new AbortController();
let timer = 0;
/** The row whose line is drawn; undefined if it must be drawn again. @type {Element | null | undefined} */
let row = null;

/** @param {HTMLElement} root  the root element of Insights */
export function follow(root) {
  root.addEventListener("pointerover", (event) => event.pointerType !== "touch" && void show(rowOf(event.target) ?? focused()));
  root.addEventListener("pointerleave", () => void show(focused()));
  root.addEventListener("focusin", () => void show(focused()));
  root.addEventListener("focusout", () => void show(null));
  root.addEventListener("replaced", () => {
    kept.clear(); // because there are newer visits or other days
    row = undefined;
  });
  void show(rowOf(root.querySelector(".values tr:hover a")) ?? focused());
}

/**
 * The row that contains `target`. Skips selected rows: the chart already shows them.
 * @param {EventTarget | null} target  @returns {Element | null}
 */
const rowOf = (target) => /** @type {Element | null} */ (target)?.closest(".values tbody tr:not([data-chosen]):has(a)") ?? null;

/** The row that has keyboard focus. */
const focused = () => rowOf(document.querySelector(".values a:focus-visible"));

/** @param {Element | null} next */
async function show(next) {
  if (next === row) return;
  row = next;
  clearTimeout(timer);
  asking.abort();
  asking = new AbortController();
  const figure = /** @type {HTMLElement | null} */ (document.querySelector("[data-chart][data-lines]"));
  if (!figure) return;
  draw(figure, null);
  const link = next?.querySelector("a");
  if (!link) return;
  const url = address(figure, link), { signal } = asking;
  if (!kept.has(url)) {
    await new Promise((resolve) => (timer = setTimeout(resolve, REST_MS)));
    await ask(url, signal);
  }
  if (!signal.aborted && kept.get(url)?.length) draw(figure, { name: link.textContent ?? "", values: values(figure, kept.get(url) ?? []) });
}

/**
 * The address of the chart's timeline, with the filter that the row's link adds.
 * @param {HTMLElement} figure  @param {HTMLAnchorElement} link
 */
function address(figure, link) {
  const url = new URL(figure.dataset.lines ?? "", location.href);
  const [name, value] = [...new URL(link.href).searchParams].at(-1) ?? ["", ""];
  url.searchParams.append(name, value);
  return url.href;
}

/** Does not repeat a request that a busy server has refused. @param {string} url  @param {AbortSignal} signal */
async function ask(url, signal) {
  asked = asked.filter((at) => at > performance.now() - MINUTE_MS);
  if (signal.aborted || asked.length >= MAX_A_MINUTE) return;
  asked.push(performance.now());
  const response = await fetch(url, { headers: { Accept: "application/json" }, signal }).catch(() => null);
  if (signal.aborted || !response) return;
  if (kept.size >= MAX_KEPT) kept.clear();
  kept.set(url, response.ok ? await response.json().catch(() => []) : []);
}

/** @param {HTMLElement} figure  @param {Period[]} periods */
function values(figure, periods) {
  const byName = new Map(periods.map((period) => [period.period, period]));
  const cells = [.../** @type {NodeListOf<HTMLElement>} */ (figure.querySelectorAll("tbody [data-at]"))].reverse();
  return cells.map((cell) => value(byName.get(cell.dataset.at ?? ""), figure.dataset.metric ?? ""));
}

/** @param {Period | undefined} period  @param {string} metric */
function value(period, metric) {
  if (!period) return null;
  const { visitors, new_visitors: fresh } = period;
  const number = metric === "returning_visitors" ? typeof visitors === "number" && typeof fresh === "number" && visitors - fresh : period[metric];
  return typeof number === "number" ? number : null;
}

/** @param {HTMLElement} figure  @param {import("../webkit/charts.js").RowLine | null} line */
function draw(figure, line) {
  document.dispatchEvent(new CustomEvent("row-line", { detail: { figure, line } }));
}
