/**
 * The stats as Server-Sent Events, for pages whose policy or network lets no socket through. A KoyJabo loads this module
 * when it cannot open one (docs/client.md). Browsers open six streams to a host at most, so a hidden page has none.
 * If the page's policy forbids sockets, the second one is the last: each is reported as a violation.
 */

/** @typedef {import("./client/line.js").Line} Line */

const ANSWER_LIMIT_MS = 20_000;
const SILENCE_MS = 45_000;
const SOCKET_AGAIN_MS = 300_000;

/**
 * A Line that is an EventSource. By itself that would come back at the same moment as all others, or never.
 * @param {import("./koyjabo.js").KoyJabo} koyjabo
 * @param {Line} socket  that it stands in for
 * @param {URL} base  the server
 * @param {AbortSignal} signal  ends it
 * @param {(event: any) => void} hear
 * @param {() => void} lost
 */
export function stream(koyjabo, socket, base, signal, hear, lost) {
  let heard = NaN; // the newest total
  const Line = /** @type {typeof import("./client/line.js").Line} */ (socket.constructor);
  class Stream extends Line {
    connect() {
      return new EventSource(this.url);
    }

    open() {
      if (!socket.isLive && !document.hidden) super.open();
    }

    /** A dead stream is as silent as a quiet one: it is dead if the server counts a visit that it does not send. */
    async ask() {
      const { source } = this;
      if (!source) return;
      this.wait(ANSWER_LIMIT_MS);
      await koyjabo.refresh();
      if (koyjabo.stats?.totalVisits === heard && source === this.source) this.wait(SILENCE_MS, () => this.ask());
    }

    /** The socket is lost. @returns {number | false} ms until another one, if that can wait */
    replace() {
      this.open();
      return this.isLive && SOCKET_AGAIN_MS;
    }
  }
  const stream = new Stream(new URL("/api/stream", base), {
    hear(event) {
      heard = event.stats?.totalVisits ?? heard;
      hear(event);
    },
    lost,
  });
  document.addEventListener("visibilitychange", () => document.hidden && stream.close(), { signal });
  document.addEventListener("securitypolicyviolation", ({ blockedURI }) => {
    if (!socket.isLive && base.href.replace("http", "ws").startsWith(blockedURI)) socket.end();
  }, { signal });
  stream.start(signal);
  return stream;
}
