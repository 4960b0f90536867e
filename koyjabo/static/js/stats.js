/** Keeps the numbers of the page equal to the server's, by asking every 2 s. */

const INTERVAL_MS = 2000;
const main = document.querySelector("[data-stats-url]");
const line = document.querySelector("[data-line]");

let newest = null;

/** Values may overtake each other: an older one changes nothing (epoch, then total, then revision). */
function isNewer(stats) {
  if (!newest) return true;
  if (stats.epoch !== newest.epoch) return parseInt(stats.epoch, 36) > parseInt(newest.epoch, 36);
  if (stats.totalVisits !== newest.totalVisits) return stats.totalVisits > newest.totalVisits;
  return stats.revision >= newest.revision;
}

function show(stats) {
  newest = stats;
  for (const output of main.querySelectorAll("[data-stat]")) {
    const text = String(stats[output.dataset.stat]);
    if (output.textContent !== text) output.textContent = text;
  }
}

function say(text) {
  if (line.textContent !== text) line.textContent = text;
}

async function refresh() {
  try {
    const response = await fetch(main.dataset.statsUrl, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const stats = await response.json();
    if (isNewer(stats)) show(stats);
    say(stats.stale ? "The numbers may be out of date." : "Refreshed every 2 seconds.");
  } catch {
    say("The server cannot be reached; trying again.");
  } finally {
    setTimeout(refresh, INTERVAL_MS);
  }
}

refresh();
