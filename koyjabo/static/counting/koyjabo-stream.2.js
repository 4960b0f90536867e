/**
 * The stats as Server-Sent Events, and heartbeats, for pages whose policy or network blocks WebSockets. KoyJabo loads
 * this module if it cannot open one or does not need one (docs/client.md). Over HTTP/1.1, browsers open only six
 * connections to a host: hidden pages close their stream, and of the others of an origin, one holds it. If the page's
 * policy forbids sockets, only two are tried, because each attempt is reported as a violation.
 */

/** @typedef {import("./client/line.js").Line} Line */

const ANSWER_LIMIT_MS = 20_000;
const SILENCE_MS = 45_000;
const HEARTBEAT_MS = 50_000; // the server bridges 60 s
const SOCKET_AGAIN_MS = 300_000;
const LOCK_AGAIN_MS = 2_000; // as the stats are polled
const OVERDUE_MS = 10_000;

/**
 * Replace `socket` with an EventSource that Line reopens. If left to the browser, EventSources reconnect in all pages
 * at the same moment, or never.
 * @param {import("./koyjabo-client.3.js").KoyJabo} koyjabo
 * @param {Line} socket  the connection to replace
 * @param {import("./client/visit.js").Visit} visit
 * @param {AbortSignal} signal  ends the stream
 * @param {(event: any) => void} hear
 * @param {boolean} listens  if false, only heartbeats are sent
 * @param {() => string} query  names the pages whose views are sent
 */
export function stream(koyjabo, socket, visit, signal, hear, listens, query) {
  const { base } = visit;
  let heard = NaN; // the newest total received
  let timer = 0, events = 0;
  /** @type {((value?: unknown) => void) | undefined} */
  let release; // gives back the lock, while this page holds it
  /** Whether all requests to the server share one connection. Other pages, caches or old servers hide the protocol. */
  const isMultiplexed = () =>
    performance.getEntriesByType("resource").some((/** @type {any} */ { name, nextHopProtocol }) => name.startsWith(`${base.href}api/`) && /^h[23]/.test(nextHopProtocol));
  const Line = /** @type {typeof import("./client/line.js").Line} */ (socket.constructor);
  class Stream extends Line {
    query = "";

    connect() {
      this.query = query();
      return new EventSource(this.query ? `${this.url}?${this.query}` : this.url);
    }

    /** Reopen the stream if other pages are watched. */
    follow() {
      if (this.source && this.query !== query()) this.reopen();
    }

    /** Whether these pages are pushed. @param {string} pages  a query */
    isLiveWith(pages) {
      return this.isLive && !!pages && this.query === pages;
    }

    /** Only one page of the origin opens it, where its six connections are shared and there are locks. */
    open() {
      if (this.source || socket.isLive || document.hidden) return;
      if (release || isMultiplexed()) return super.open();
      const opened = (/** @type {Lock | null} */ lock) => this.#openWith(lock);
      try {
        navigator.locks.request(`koyjabo.stream ${base.href}`, { ifAvailable: true }, opened).catch(() => super.open());
      } catch {
        super.open(); // locks are missing or forbidden
      }
    }

    /** @param {Lock | null} lock  null if another page holds it */
    #openWith(lock) {
      if (!lock) return this.wait(LOCK_AGAIN_MS, () => this.open());
      if (this.source || socket.isLive || document.hidden || signal.aborted) return;
      super.open();
      return this.source && new Promise((then) => (release = then));
    }

    close() {
      super.close();
      release?.();
      release = undefined;
    }

    reopen() {
      super.close(); // with the lock
      this.open();
    }

    /** End a stream without a lock if a request of its page gets no response while the stream is silent. */
    async test() {
      const { source } = this, before = events;
      if (release || source.isTested || isMultiplexed()) return;
      source.isTested = true;
      const late = new Promise((then) => setTimeout(then, OVERDUE_MS, "late"));
      const answer = await Promise.race([fetch(new URL("api/stats", base)).catch(() => ""), late]);
      if (answer !== "late" || source !== this.source) return;
      if (events === before) this.end();
      source.isTested = false; // the next event tests it again
    }

    /** A dead stream is as silent as an idle one. It is dead if the server has counted a visit but not sent it. */
    async ask() {
      const { source } = this;
      if (!source) return;
      this.wait(ANSWER_LIMIT_MS);
      await koyjabo.refresh();
      if (koyjabo.stats?.totalVisits === heard && source === this.source) this.wait(SILENCE_MS, () => this.ask());
    }

    /** Send a heartbeat. @param {boolean} [visible]  @param {true} [acted]  @returns {boolean} whether it was sent */
    beat(visible, acted) {
      clearTimeout(timer);
      if (signal.aborted) return false;
      timer = setTimeout(() => document.hidden || socket.isLive || this.beat(), HEARTBEAT_MS);
      if (!koyjabo.isCounted) return false;
      const body = JSON.stringify({ ...visit.who, visitId: visit.knownId, visible, acted });
      const url = new URL("api/visitor/heartbeat", base);
      try {
        // EasyPrivacy blocks all beacons to other sites. Firefox before version 133 has only these.
        if (!("keepalive" in Request.prototype) && navigator.sendBeacon?.(url, body)) return true;
        fetch(url, { method: "POST", body, headers: visit.headers, keepalive: true }).catch(() => {});
        return true;
      } catch {
        return false; // the browser forbids it
      }
    }

    /** Replace a lost socket. @returns {number | false} ms until the next attempt, if it can wait */
    replace() {
      this.open();
      return this.isLive && SOCKET_AGAIN_MS;
    }
  }
  const stream = new Stream(new URL("api/stream", base), {
    hear(event) {
      events += 1;
      stream.test();
      heard = event.stats?.totalVisits ?? heard;
      hear(event);
    },
    lost() {},
  });
  addEventListener("visibilitychange", () => document.hidden && stream.close(), { signal });
  for (const type of ["pagehide", "freeze"]) addEventListener(type, () => stream.close(), { signal, capture: true });
  addEventListener("securitypolicyviolation", ({ blockedURI }) => {
    if (!socket.isLive && base.href.replace("http", "ws").startsWith(blockedURI)) socket.end();
  }, { signal });
  if (listens) stream.start(signal);
  return stream;
}
