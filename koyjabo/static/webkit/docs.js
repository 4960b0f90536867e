/** Filters the calls of the API reference. Opens the group of the address, and marks its call in the contents. */

const nav = /** @type {HTMLElement} */ (document.querySelector(".api nav"));
const field = /** @type {HTMLInputElement} */ (nav.querySelector("input"));
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
  for (const group of document.querySelectorAll(".api nav details, .group")) {
    group.toggleAttribute("hidden", !group.querySelector(":is(li, .call):not([hidden])"));
    if (group instanceof HTMLDetailsElement) group.open = words[0] !== "" || Boolean(group.querySelector(":target"));
  }
  const { none, one, many = "" } = status.dataset;
  const text = many.replace("{count}", found.toLocaleString(document.documentElement.lang));
  status.textContent = words[0] ? [none, one][found] ?? text : "";
}

function mark() {
  for (const link of nav.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  nav.querySelector(`[href="${CSS.escape(location.hash)}"]`)?.setAttribute("aria-current", "true");
  const target = document.querySelector(":target"), group = target?.closest("details");
  if (!group || group.open) return;
  group.open = true;
  target?.scrollIntoView();
}

field.addEventListener("input", filter);
addEventListener("hashchange", mark);
mark();
