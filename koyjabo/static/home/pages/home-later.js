/** The live parts of the home page below its number, in one file that is loaded after it. */

import { Feed } from "../feed.js";
import { Goal } from "../goal.js";
import { People } from "../people.js";
import { LAST, MinuteTooltip } from "../../webkit/minute-tooltip.js";

/** @typedef {import("../../counting/koyjabo.js").KoyJabo} KoyJabo */
/** @typedef {import("../pulse.js").Pulse} Pulse */

const people = new People();
const feed = new Feed();
const goal = document.querySelector("[data-goal]") && new Goal();

/** Answers what a minute of the last hour had. @param {Pulse} pulse */
function explain(pulse) {
  const plot = /** @type {HTMLElement | null} */ (document.querySelector("[data-hour] .plot"));
  if (!plot) return;
  const { name = "", running = "" } = plot.dataset;
  const tooltip = new MinuteTooltip(plot, (row) => {
    const [title, value] = pulse.minute(row);
    return { title, lines: [{ name, value, series: "1" }], note: row === LAST ? running : "" };
  }, 0);
  pulse.drawn = () => tooltip.update();
}

/** @param {KoyJabo} koyjabo  @param {Pulse} pulse */
export function follow(koyjabo, pulse) {
  explain(pulse);
  /** @type {unknown} */ let shown;
  /** @type {string | undefined} */ let lastAt;
  koyjabo.subscribe((stats) => {
    if (stats && stats !== shown) {
      people.show(stats.locations);
      goal?.show(stats.totalVisits);
    }
    shown = stats;
    const { last } = koyjabo;
    if (!last || last.at === lastAt) return;
    lastAt = last.at;
    feed.show(last);
    people.pulse(last.place);
  });
}

/** @param {number} milestone */
export const celebrate = (milestone) => goal?.celebrate(milestone);
