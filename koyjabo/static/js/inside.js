/** What the live pages of a community have in common: their line, its state in words, and their end. */

import { Line } from "./koyjabo.js";
import { isLookedAt, LivePage } from "./live.js";
import { find, showLine, told, write } from "./page.js";

/** @typedef {{type: string, [field: string]: any}} Told  an event, as the server tells it */

const FORBIDDEN = 4003;
const AGAIN_MS = 30_000;

const inside = find("#inside");

export const phrases = told("phrases");
export const { community = "", outside = "" } = inside.dataset;
export const page = new LivePage();

/** Nothing that is no longer theirs to see stays on the page. */
function end() {
  inside.remove();
  const ending = find("#ending");
  ending.hidden = false;
  write(ending, phrases.forbidden);
}

/**
 * Whenever the line is opened, the page is asked for anew: a socket tells what changes, and not what has changed before.
 * @param {string} room  of the community
 * @param {(told: Told) => void} hear
 * @param {() => void} [after]  when one may no longer be here
 */
export function listen(room, hear, after) {
  const url = new URL(`/ws/communities/${community}/${room}/`, location.href);
  const line = new Line(url, {
    hear(told) {
      showLine("live", phrases.live);
      hear(told);
    },
    opened: () => page.refresh(),
    lost: () => showLine("offline", phrases.offline),
    ended(code) {
      over.abort();
      if (code !== FORBIDDEN) return again();
      end();
      after?.();
    },
  });
  const over = new AbortController();
  line.start(over.signal);

  /** Asked anew, the page leads to the login if the session has ended. If not, nobody is sent there and back for ever. */
  function again() {
    showLine("offline", phrases.offline);
    page.refresh();
    setTimeout(() => isLookedAt().then(() => listen(room, hear, after)), AGAIN_MS);
  }
}
