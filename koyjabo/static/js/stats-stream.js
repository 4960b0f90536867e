/** Stats of the site, kept equal to the server's: pushed over a WebSocket, asked for while that is down. */

const POLL_MS = 2_000;
const SILENCE_MS = 60_000; // the server can be heard at least every 25 s of pings, which a page does not see: ask
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
const REQUEST_LIMIT_MS = 10_000;

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
  #line = "";
  #retryMs = FIRST_RETRY_MS;
  #poll = 0;
  #silence = 0;

  /** @param {string} socketUrl ws: or wss:   @param {string} statsUrl GET /api/stats */
  constructor(socketUrl, statsUrl) {
    super();
    this.#socketUrl = socketUrl;
    this.#statsUrl = statsUrl;
  }

  start() {
    this.#connect();
    addEventListener("online", () => this.#reconnectNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#reconnectNow());
  }

  /** @param {object} stats a value from push or poll, in any order */
  accept(stats) {
    if (!isNewer(stats, this.#newest)) return;
    this.#newest = stats;
    this.dispatchEvent(new CustomEvent("stats", { detail: stats }));
  }

  #connect() {
    const socket = (this.#socket = new WebSocket(this.#socketUrl));
    socket.onmessage = (message) => this.#hear(JSON.parse(message.data));
    socket.onclose = () => socket === this.#socket && this.#fallBack();
  }

  #hear(event) {
    this.#expectMore();
    if (event.type !== "visitor_update") return;
    this.#retryMs = FIRST_RETRY_MS;
    clearTimeout(this.#poll);
    this.#poll = 0;
    this.accept(event.stats);
    this.#say("live");
  }

  /** A line can be dead without anybody saying so: ask when nothing has come for long, and give up if nothing comes. */
  #expectMore() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#socket.send('{"type":"request_count"}');
      this.#silence = setTimeout(() => this.#drop(), REQUEST_LIMIT_MS);
    }, SILENCE_MS);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket.close();
    this.#fallBack();
  }

  #fallBack() {
    clearTimeout(this.#silence);
    this.#socket = null;
    if (!this.#poll) this.#ask();
    const wait = this.#retryMs * (0.5 + Math.random()); // not everybody at the same moment
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
    setTimeout(() => this.#socket || this.#connect(), wait);
  }

  #reconnectNow() {
    if (!this.#socket) this.#connect();
  }

  async #ask() {
    this.#poll = -1;
    try {
      const response = await fetch(this.#statsUrl, { signal: AbortSignal.timeout(REQUEST_LIMIT_MS) });
      if (!response.ok) throw new Error(`status ${response.status}`);
      this.accept(await response.json());
      if (this.#poll) this.#say("polling");
    } catch {
      if (this.#poll) this.#say("down");
    }
    if (this.#poll) this.#poll = setTimeout(() => this.#ask(), POLL_MS);
  }

  #say(line) {
    if (line === this.#line) return;
    this.#line = line;
    this.dispatchEvent(new CustomEvent("line", { detail: line }));
  }
}
