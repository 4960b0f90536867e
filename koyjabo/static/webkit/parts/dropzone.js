/** A file field that also accepts a dropped file, and shows immediately if the file is too large. */

/** @param {HTMLElement} zone */
function start(zone) {
  const input = /** @type {HTMLInputElement} */ (zone.querySelector("input[type=file]"));
  const problem = /** @type {HTMLElement} */ (zone.querySelector("[data-problem]"));
  const { most = "", tooLarge = "", sending = "" } = zone.dataset;
  zone.querySelector("[data-drop]")?.removeAttribute("hidden");

  const check = () => {
    const isTooLarge = (input.files?.[0]?.size ?? 0) > Number(most);
    problem.textContent = isTooLarge ? tooLarge : "";
    input.setCustomValidity(isTooLarge ? tooLarge : "");
  };
  input.addEventListener("change", check);
  for (const kind of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.toggleAttribute("data-over", kind === "dragover");
    });
  }
  zone.addEventListener("drop", ({ dataTransfer }) => {
    if (!dataTransfer?.files.length) return;
    input.files = dataTransfer.files;
    check();
  });
  input.form?.addEventListener("submit", () => {
    const button = input.form?.querySelector("button");
    if (!button) return;
    button.textContent = sending;
    button.disabled = true;
  });
}

for (const zone of document.querySelectorAll("[data-dropzone]")) start(/** @type {HTMLElement} */ (zone));
