/** Buttons that copy the text in their `data-copy`, or, if it is empty, the element before them. Without scripts, they stay hidden. */

const SHOWN_MS = 2_000;

/** @param {ParentNode} part */
function show(part) {
  for (const button of part.querySelectorAll("[data-copy]")) button.removeAttribute("hidden");
}

/** Copies a text. Over plain HTTP, or if a policy forbids the clipboard, only from a field. @param {string} text  @param {HTMLElement} button */
async function write(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    button.after(field); // in the same dialog
    field.focus({ preventScroll: true });
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    button.focus();
    return isCopied;
  }
}

/** Copies the text. The button briefly confirms this, including to screen readers. @param {HTMLElement} button */
async function copy(button) {
  const { copy: text = "", copied = "" } = button.dataset;
  if (!(await write(text || (button.previousElementSibling?.textContent ?? "").trimEnd(), button))) return;
  const name = button.ariaLabel === null ? "textContent" : "ariaLabel"; // a button with text, or with only an icon
  const label = button[name];
  button.classList.add("done");
  button[name] = copied;
  setTimeout(() => {
    button.classList.remove("done");
    button[name] = label;
  }, SHOWN_MS);
}

show(document);
document.addEventListener("replaced", (event) => show(/** @type {Element} */ (event.target)));
document.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-copy]"));
  if (button && !button.classList.contains("done")) void copy(button);
});
