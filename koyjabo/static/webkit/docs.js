/** Filters the calls of the API reference, and opens the group or call of the address. */

const field = /** @type {HTMLInputElement} */ (document.querySelector(".api nav input"));
const groups = /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll(".group"));
const status = /** @type {HTMLElement} */ (document.querySelector(".api [data-many]"));
const calls = Array.from(document.querySelectorAll(".call"), (call) => ({ call, text: call.textContent?.toLowerCase() ?? "" }));

function filter() {
  const words = field.value.trim().toLowerCase().split(/\s+/);
  let found = 0;
  for (const { call, text } of calls) {
    const matches = words.every((word) => text.includes(word));
    call.toggleAttribute("hidden", !matches);
    if (matches) found += 1;
  }
  groups.forEach((group, at) => (group.open = words[0] !== "" || at === 0 || group.querySelector(":target") !== null));
  const { none, one, many = "" } = status.dataset, count = found.toLocaleString(document.documentElement.lang);
  status.textContent = words[0] ? [none, one][found] ?? many.replace("{count}", count) : "";
}

/** Not every browser opens what contains the target. */
function open() {
  const target = document.querySelector(":target");
  for (let part = target?.closest("details"); part; part = part.parentElement?.closest("details")) part.open = true;
  target?.scrollIntoView();
}

document.addEventListener("click", (event) => {
  const call = /** @type {Element} */ (event.target).closest(".call > summary")?.nextElementSibling;
  if (call) history.replaceState(null, "", `#${call.id}`); // an address to share
});
field.addEventListener("input", filter);
addEventListener("hashchange", open);
open();
