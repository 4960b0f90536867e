/**
 * The stats as Server-Sent Events, and heartbeats, for pages whose policy or network blocks WebSockets. KoyJabo loads
 * this module if it cannot open one or does not need one (docs/client.md). Hidden pages close their stream, because
 * browsers allow only six per host. If the page's policy forbids sockets, only two are tried, because each attempt is
 * reported as a violation.
 */

/** @typedef {import("./client/line.js").Line} Line */

const ANSWER_LIMIT_MS = 20_000;
const SILENCE_MS = 45_000;
const HEARTBEAT_MS = 50_000; // the server bridges 60 s
const SOCKET_AGAIN_MS = 300_000;

/**
 * Replace `socket` with an EventSource that Line reopens. If left to the browser, EventSources reconnect in all pages
 * at the same moment, or never.
 * @param {import("./koyjabo-client.2.js").KoyJabo} koyjabo
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
  let timer = 0;
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

    open() {
      if (!socket.isLive && !document.hidden) super.open();
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
      heard = event.stats?.totalVisits ?? heard;
      hear(event);
    },
    lost() {},
  });
  addEventListener("visibilitychange", () => document.hidden && stream.close(), { signal });
  addEventListener("securitypolicyviolation", ({ blockedURI }) => {
    if (!socket.isLive && base.href.replace("http", "ws").startsWith(blockedURI)) socket.end();
  }, { signal });
  if (listens) stream.start(signal);
  return stream;
}
