/** Shared code of a community's live pages: connections, their status as text, and loss of access. */

import { connection } from "../webkit/connection.js";
import { Line } from "../counting/koyjabo.js";
import { isLookedAt, LivePage } from "../webkit/live.js";
import { find, readJson, showLine, write } from "../webkit/page.js";

/** @typedef {{type: string, [field: string]: any}} ServerEvent */

const FORBIDDEN = 4003;
const AGAIN_MS = 30_000;

const inside = find("#inside");

export const phrases = readJson("phrases");
export const { community = "", outside = "", counts } = inside.dataset;
export const page = new LivePage();

// If the community is listed, the server does not redirect after the session ends: it returns the page for strangers.
const isStranger = Boolean(document.querySelector("a[data-login]"));
document.addEventListener("answered", (event) => {
  const { detail: newer } = /** @type {CustomEvent<Document>} */ (event);
  const login = newer.querySelector("a[data-login]");
  if (!(login instanceof HTMLAnchorElement)) return;
  if (!isStranger) location.assign(login.href);
  else if (!newer.querySelector("#inside")) end();
});

/** @type {Set<string>} rooms whose connection is lost */
const lost = new Set();

/** Show the page as live only while all its connections are live. @param {string} room  @param {boolean} isLive */
function showState(room, isLive) {
  if (isLive) lost.delete(room);
  else lost.add(room);
  if (lost.size) showLine("offline", phrases.offline);
  else showLine("live", phrases.live);
}

/** @type {Set<AbortController>} one for each connection */
const lines = new Set();
/** @type {Set<() => void>} called when the user has lost access */
const afters = new Set();

/** Remove everything that the user may no longer see, and close all connections. */
function end() {
  for (const line of lines) line.abort();
  for (const after of afters) after();
  for (const part of document.querySelectorAll("#inside, [data-inside]")) part.remove();
  const ending = find("#ending");
  ending.hidden = false;
  write(ending, phrases.forbidden);
}

/**
 * Connect to a room. Refreshes the page whenever the connection opens, because a socket does not send earlier changes.
 * @param {string} room  a room of the community
 * @param {(event: ServerEvent) => void} hear  called with each event
 * @param {() => void} [after]  called when the user has lost access
 * @param {(socket: WebSocket) => void} [opened]
 */
export function listen(room, hear, after, opened) {
  if (after) afters.add(after);
  const url = new URL(`/ws/communities/${community}/${room}/`, location.href);
  const line = new Line(url, {
    hear(event) {
      connection.heard();
      showState(room, true);
      hear(event);
    },
    opened(socket) {
      page.refresh();
      opened?.(socket);
    },
    lost() {
      connection.doubt();
      showState(room, false);
    },
    ended(code) {
      over.abort();
      lines.delete(over);
      if (code !== FORBIDDEN) return again();
      end();
    },
  });
  const over = new AbortController();
  lines.add(over);
  line.start(over.signal);

  /** Refresh, which redirects to the login if the session has ended; otherwise reconnect later. */
  function again() {
    showState(room, false);
    page.refresh();
    setTimeout(() => isLookedAt().then(() => inside.isConnected && listen(room, hear, after, opened)), AGAIN_MS);
  }
}
