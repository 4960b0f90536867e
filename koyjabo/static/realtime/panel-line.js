/** The connection of a panel page: its events, and an exchange every few seconds to detect a hanging server. */

import { connection } from "../webkit/connection.js";
import { isNewer, Line } from "../counting/koyjabo.js";
import { isLookedAt, LivePage } from "../webkit/live.js";

/** @typedef {import("../counting/koyjabo.js").Stats} Stats */

/** Numbers of the site by name. @typedef {Record<string, any>} Part */
/** @typedef {{type: string, whole: boolean, stats: Part}} PanelUpdate */

const FORBIDDEN = 4003;
const AGAIN_MS = 30_000;
const EXCHANGE_MS = 3_000;
const QUESTION = '{"type":"request_count"}';
const STATE_LIMIT_MS = 2_000; // short enough, together with the next one, to notice a hanging server within 10 s
const POLL_LIMIT_MS = 2_500;

/**
 * Dispatches `opened` with its WebSocket, `update` with each PanelUpdate, `view` with each ViewUpdate, and `state` when
 * saving visits stops or resumes. Without a connection, dispatches `polled` with Stats, or `lost`.
 */
class Panel extends EventTarget {
  /** How far the server's clock is ahead, in ms. */
  aheadMs = 0;
  /** When visits stopped being saved, or "". */
  unsaved = "";
  #heardMs = 0; // when the last event came, by performance.now()
  /** @type {any} */
  #stats = null; // the newest
  #over = new AbortController();
  #page = new LivePage();
  #askAlive = connection.ask;
  /** @type {WebSocket | null} */
  #socket = null;

  start() {
    setInterval(() => document.hidden || this.#question(), EXCHANGE_MS);
    this.#restart();
  }

  #restart() {
    connection.ask = () => this.#ask();
    this.#open();
  }

  #open() {
    this.#over.abort();
    this.#over = new AbortController();
    this.#socket = null;
    const line = new Line(new URL("/ws/admin/", location.href), {
      opened: (socket) => this.#opened(socket),
      hear: (event) => this.#hear(event),
      lost: () => this.#lost(),
      ended: (code) => this.#ended(code),
    });
    line.start(this.#over.signal);
  }

  /** @param {WebSocket} socket */
  #opened(socket) {
    this.#socket = socket;
    this.#question(); // the answer has the server's time
    this.dispatchEvent(new CustomEvent("opened", { detail: socket }));
  }

  #question() {
    if (this.#socket?.readyState === 1) this.#socket.send(QUESTION);
  }

  /** @param {{type: string, timestamp: string, unsaved_since?: string | null, stats?: Part}} event */
  #hear(event) {
    connection.heard();
    this.#heardMs = performance.now();
    this.dispatchEvent(new Event("heard"));
    if (event.type === "panel_state") this.#take(event.timestamp, event.unsaved_since ?? "");
    if (event.type === "view_update") this.dispatchEvent(new CustomEvent("view", { detail: event }));
    if (event.type === "panel_update") this.dispatchEvent(new CustomEvent("update", { detail: { ...event, stats: this.#newest(event.stats) } }));
  }

  /** The newest numbers, because workers send theirs in any order. `stale` is as last sent. @param {any} stats */
  #newest(stats) {
    if (isNewer(stats, this.#stats)) this.#stats = stats;
    return { ...this.#stats, stale: stats.stale };
  }

  /** @param {string} timestamp  @param {string} unsaved  when visits stopped being saved, or "" */
  #take(timestamp, unsaved) {
    this.aheadMs = Date.parse(timestamp) - Date.now();
    const isNews = unsaved !== this.unsaved;
    this.unsaved = unsaved;
    if (isNews) this.dispatchEvent(new Event("state"));
  }

  #lost() {
    this.#socket = null;
    connection.doubt();
  }

  /** Ask over the connection, which is cheap. If there is no response, reopen the connection and request the stats. */
  async #ask() {
    if (this.#socket) {
      if (await this.#isHeard()) return true;
      this.#open(); // a connection that is still opening may just be slow
    }
    return this.#poll();
  }

  /** @returns {Promise<boolean>} whether any message arrives within the limit */
  #isHeard() {
    this.#question();
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), STATE_LIMIT_MS);
      this.addEventListener("heard", () => (clearTimeout(timer), resolve(true)), { once: true });
    });
  }

  /** Request the stats. If an event comes first, the response may be older than the event, and is ignored. */
  async #poll() {
    const askedMs = performance.now();
    let detail;
    try {
      const response = await fetch("/api/stats", { signal: AbortSignal.timeout?.(POLL_LIMIT_MS) });
      if (response.ok) detail = await response.json();
    } catch {
      // Treat a missing response like an error response from a proxy: the server is unavailable.
    }
    if (this.#heardMs >= askedMs) return true;
    this.dispatchEvent(detail ? new CustomEvent("polled", { detail: this.#newest(detail) }) : new Event("lost"));
    return Boolean(detail);
  }

  /**
   * Handle a refusal. If the account has lost access, the reloaded page shows that. If the session has ended, a
   * refresh redirects to the login.
   * @param {number} code
   */
  #ended(code) {
    if (code === FORBIDDEN) return location.reload();
    connection.ask = this.#askAlive;
    this.dispatchEvent(new Event("lost"));
    this.#page.refresh();
    setTimeout(() => isLookedAt().then(() => this.#restart()), AGAIN_MS);
  }
}

export const panel = new Panel();
