/** Filters the calls of the API reference. Opens the group of the address, and marks its call in the contents. */

const nav = /** @type {HTMLElement} */ (document.querySelector(".api nav"));
const field = /** @type {HTMLInputElement} */ (nav.querySelector("input"));
const groups = /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll(".api nav details, .group"));
const status = /** @type {HTMLElement} */ (nav.querySelector("[data-many]"));
const calls = [...document.querySelectorAll(".call")].map((call) => {
  const link = nav.querySelector(`[href="#${call.getAttribute("aria-labelledby")}"]`);
  return { parts: [call, link?.parentElement], text: call.textContent?.toLowerCase() ?? "" };
});

function filter() {
  const words = field.value.trim().toLowerCase().split(/\s+/);
  let found = 0;
  for (const { parts, text } of calls) {
    const matches = words.every((word) => text.includes(word));
    for (const part of parts) part?.toggleAttribute("hidden", !matches);
    if (matches) found += 1;
  }
  for (const group of groups) group.open = words[0] !== "" || group.querySelector(":target") !== null;
  const { none, one, many = "" } = status.dataset, count = found.toLocaleString(document.documentElement.lang);
  status.textContent = words[0] ? [none, one][found] ?? many.replace("{count}", count) : "";
}

function mark() {
  for (const link of nav.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  nav.querySelector(`[href="${CSS.escape(location.hash)}"]`)?.setAttribute("aria-current", "true");
  const target = document.querySelector(":target");
  target?.closest("details")?.setAttribute("open", "");
  target?.scrollIntoView();
}

field.addEventListener("input", filter);
addEventListener("hashchange", mark);
mark();
