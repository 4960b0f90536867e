/** Updates a community's moderator page: events update the figures, requests update the list of people. */

import { figures } from "./community.js";
import { listen, outside, phrases } from "./inside.js";
import { OnlineList } from "./online-list.js";
import { find } from "../webkit/page.js";

/** @typedef {import("./inside.js").ServerEvent} ServerEvent */

const LEAVE_MS = 5_000; // time to read the reason
const TICK_MS = 1_000;
const MAX_NAMED = 50; // larger events do not name the people

const people = new OnlineList(find("#online"), phrases);
let known = "";
let aheadMs = 0; // how far the server's clock is ahead

/** @param {string} name */
const shown = (name) => Number(find(`[data-stat=${name}]`).dataset.value);

/** @param {Record<string, any>} data */
function show({ today_visitors, realtime_count, arrivals, people: named }) {
  const peak = Math.max(shown("peak"), realtime_count);
  figures.show({ ...today_visitors, ...arrivals, peak, peak_month: Math.max(shown("peak_month"), peak) }); // the number online comes faster through the other socket
  const now = JSON.stringify([named, realtime_count, arrivals]);
  if (now !== known || realtime_count > MAX_NAMED) people.refresh();
  known = now;
}

/** @param {ServerEvent} event */
function hear(event) {
  if (event.timestamp) aheadMs = Date.parse(event.timestamp) - Date.now();
  if (event.type === "dashboard_update") show(event.data);
}

const ticker = setInterval(() => people.tick(Date.now() + aheadMs), TICK_MS);
listen("visitor-dashboard", hear, () => {
  people.stop();
  clearInterval(ticker);
  setTimeout(() => location.assign(outside), LEAVE_MS);
});
