/** Buttons that copy the text in their `data-copy`, or, if it is empty, the element before them. Without clipboard access, they stay hidden. */

const SHOWN_MS = 2_000;

/** @param {ParentNode} part */
function show(part) {
  for (const button of part.querySelectorAll("[data-copy]")) button.removeAttribute("hidden");
}

/** Copies the text. The button briefly confirms this, including to screen readers. @param {HTMLElement} button */
async function copy(button) {
  const { copy: text = "", copied = "" } = button.dataset;
  await navigator.clipboard.writeText(text || (button.previousElementSibling?.textContent ?? "").trimEnd());
  const name = button.ariaLabel === null ? "textContent" : "ariaLabel"; // a button with text, or with only an icon
  const label = button[name];
  button.classList.add("done");
  button[name] = copied;
  setTimeout(() => {
    button.classList.remove("done");
    button[name] = label;
  }, SHOWN_MS);
}

if (navigator.clipboard) {
  show(document);
  document.addEventListener("replaced", (event) => show(/** @type {Element} */ (event.target)));
  document.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-copy]"));
    if (button && !button.classList.contains("done")) void copy(button);
  });
}
