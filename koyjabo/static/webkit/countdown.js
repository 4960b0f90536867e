/** Shows a countdown on a form's button until the server accepts the form again. */

import { written } from "./figures.js";

const TICK_MS = 250;

/** @param {number} seconds  @returns {string} minutes and seconds */
const clock = (seconds) => `${written(Math.floor(seconds / 60))}:${written(seconds % 60).padStart(2, written(0))}`;

/** @param {HTMLButtonElement} button */
function countDown(button) {
  const label = button.textContent;
  const overMs = performance.now() + 1000 * Number(button.dataset.countdown);
  const timer = setInterval(show, TICK_MS);
  button.disabled = true;
  show();

  function show() {
    const leftS = Math.ceil((overMs - performance.now()) / 1000);
    button.textContent = leftS > 0 ? `${label} · ${clock(leftS)}` : label;
    if (leftS > 0) return;
    clearInterval(timer);
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("button[data-countdown]")) countDown(/** @type {HTMLButtonElement} */ (button));
