/** Stats of the site, kept equal to the server's: pushed over a WebSocket, asked for while that is down. */

const POLL_MS = 2_000;
const OPEN_LIMIT_MS = 5_000;
const SILENCE_MS = 60_000; // the server's pings, which a page does not see, come every 25 s: ask whether it is there
const ANSWER_LIMIT_MS = 10_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/** Values may overtake each other: epoch, then total, then revision say which is the newer one. */
export function isNewer(stats, shown) {
  if (!shown) return true;
  if (stats.epoch !== shown.epoch) return parseInt(stats.epoch, 36) > parseInt(shown.epoch, 36);
  if (stats.totalVisits !== shown.totalVisits) return stats.totalVisits > shown.totalVisits;
  return stats.revision >= shown.revision;
}

/** Fires `stats` with each newer value, and `line` with "live", "polling" or "down" when that changes. */
export class StatsStream extends EventTarget {
  #socketUrl;
  #statsUrl;
  #newest = null;
  #socket = null;
  #polling = null; // whoever polls compares it with what it began with, and ends when it is another
  #line = "";
  #retryMs = FIRST_RETRY_MS;
  #retry = 0;
  #patience = 0;

  /** @param {string} socketUrl ws: or wss:   @param {string} statsUrl GET /api/stats */
  constructor(socketUrl, statsUrl) {
    super();
    this.#socketUrl = socketUrl;
    this.#statsUrl = statsUrl;
  }

  start() {
    this.#connect();
    addEventListener("online", () => this.#connect());
    document.addEventListener("visibilitychange", () => document.hidden || this.#connect());
  }

  /** @param {object} stats a value from push or poll, in any order */
  accept(stats) {
    if (!isNewer(stats, this.#newest)) return;
    this.#newest = stats;
    this.dispatchEvent(new CustomEvent("stats", { detail: stats }));
  }

  #connect() {
    if (this.#socket) return;
    clearTimeout(this.#retry);
    const socket = (this.#socket = new WebSocket(this.#socketUrl));
    socket.onmessage = (message) => socket === this.#socket && this.#hear(JSON.parse(message.data));
    socket.onclose = () => socket === this.#socket && this.#fallBack();
    this.#wait(OPEN_LIMIT_MS, () => this.#drop());
  }

  #hear(event) {
    this.#wait(SILENCE_MS, () => {
      this.#socket.send('{"type":"request_count"}');
      this.#wait(ANSWER_LIMIT_MS, () => this.#drop());
    });
    if (event.type !== "visitor_update") return;
    this.#retryMs = FIRST_RETRY_MS;
    this.#polling = null;
    this.accept(event.stats);
    this.#say("live");
  }

  #wait(limitMs, then) {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(then, limitMs);
  }

  /** A line can be dead without anybody saying so. */
  #drop() {
    const socket = this.#socket;
    this.#fallBack();
    socket.close();
  }

  #fallBack() {
    this.#socket = null;
    clearTimeout(this.#patience);
    if (!this.#polling) this.#poll((this.#polling = {}));
    const waitMs = this.#retryMs * (0.5 + Math.random()); // not everybody at the same moment
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
    this.#retry = setTimeout(() => this.#connect(), waitMs);
  }

  async #poll(turn) {
    while (turn === this.#polling) {
      const line = await this.#ask();
      if (turn === this.#polling) this.#say(line);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #ask() {
    try {
      const response = await fetch(this.#statsUrl, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
      if (!response.ok) return "down";
      this.accept(await response.json());
      return "polling";
    } catch {
      return "down";
    }
  }

  #say(line) {
    if (line === this.#line) return;
    this.#line = line;
    this.dispatchEvent(new CustomEvent("line", { detail: line }));
  }
}
