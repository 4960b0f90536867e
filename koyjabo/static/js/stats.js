/** Shows the numbers of the site on its page, as they are now. */

import { StatsStream } from "./stats-stream.js";

const LINES = {
  live: "Live.",
  polling: "Refreshed every 2 seconds.",
  down: "The server cannot be reached; trying again.",
};
const STALE = "The numbers may be out of date.";

const main = document.querySelector("[data-stats-url]");
const line = document.querySelector("[data-line]");
const places = document.querySelector("[data-places]");

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showPlaces(locations) {
  const rows = Object.entries(locations).map(([place, { count }]) => {
    const row = document.createElement("li");
    row.append(Object.assign(document.createElement("span"), { textContent: place }));
    row.append(Object.assign(document.createElement("data"), { textContent: count, value: count }));
    return row;
  });
  places.replaceChildren(...rows);
  places.closest("section").hidden = rows.length === 0;
}

let state = "";
let stale = false;

function sayLine() {
  write(line, stale && state !== "down" ? STALE : (LINES[state] ?? ""));
}

function show(stats) {
  for (const output of main.querySelectorAll("[data-stat]")) write(output, String(stats[output.dataset.stat]));
  showPlaces(stats.locations);
  stale = Boolean(stats.stale);
  sayLine();
}

const socketUrl = new URL(main.dataset.socketUrl, location.href);
socketUrl.protocol = socketUrl.protocol.replace("http", "ws");
const stream = new StatsStream(socketUrl.href, main.dataset.statsUrl);
stream.addEventListener("stats", (event) => show(event.detail));
stream.addEventListener("line", (event) => {
  state = event.detail;
  sayLine();
});
stream.start();
