/**
 * The stats as Server-Sent Events, for pages whose policy or network lets no socket through. A KoyJabo loads this module
 * when it cannot open one (docs/client.md). Browsers open six streams to a host at most, so a hidden page has none.
 * If the page's policy forbids sockets, the second one is the last: each is reported as a violation.
 */
import { delay } from "./koyjabo.js";

/** @typedef {{hear: (event: any) => void, lost: () => void}} StreamHandlers */

const ANSWER_LIMIT_MS = 10_000;
const SILENCE_MS = 45_000; // the server's comments, every 20 s, are invisible to a page
const SOCKET_AGAIN_MS = 300_000;

/** Like a Line: an EventSource that is opened again when it is lost, unless the socket has come back. */
export class Stream {
  isLive = false; // an event has arrived since it was opened
  #base;
  #socket;
  #handlers;
  #failures = 0;
  #heard = NaN; // the newest total
  /** @type {EventSource | null} */
  #source = null;
  #timer = 0; // of an answer while there is a source, of the next one while there is none, 0 while none is wanted

  /**
   * @param {URL} base  the server
   * @param {import("./koyjabo.js").Line} socket  that it stands in for
   * @param {AbortSignal} signal  ends it
   * @param {StreamHandlers} handlers
   */
  constructor(base, socket, signal, handlers) {
    this.#base = base;
    this.#socket = socket;
    this.#handlers = handlers;
    if (signal.aborted) return;
    addEventListener("online", () => this.#wake(), { signal });
    addEventListener("offline", () => this.#timer && this.#drop(), { signal });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.#wake()), { signal });
    document.addEventListener("securitypolicyviolation", ({ blockedURI }) => this.#forbid(blockedURI), { signal });
    signal.addEventListener("abort", () => this.close());
    this.#open();
  }

  /** The socket is lost. @returns {number | false} ms until another one, if that can wait */
  replace() {
    this.#open();
    return this.isLive && SOCKET_AGAIN_MS;
  }

  close() {
    this.#source?.close();
    this.#source = null;
    this.isLive = false;
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** Unless it is open, waits for its next attempt, or is not wanted. */
  #open() {
    if (this.#timer || this.#socket.isLive || document.hidden) return;
    this.#source = new EventSource(new URL("/api/stream", this.#base));
    this.#source.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.#source.onerror = () => this.#drop(); // by itself it comes back at the same moment as all others, or never
    this.#wait(ANSWER_LIMIT_MS);
  }

  /** @param {string} refused  a URL, or its scheme */
  #forbid(refused) {
    if (!this.#socket.isLive && this.#base.href.replace("http", "ws").startsWith(refused)) this.#socket.end();
  }

  /** Visible or online again. */
  #wake() {
    this.#failures = 0;
    if (this.#source) return this.#check();
    this.close();
    this.#open();
  }

  #drop() {
    this.close();
    this.#wait(delay(this.#failures++), () => {
      this.#timer = 0;
      this.#open();
    });
    this.#handlers.lost();
  }

  /** @param {any} event */
  #take(event) {
    this.#waitForMore();
    this.#failures = 0;
    this.isLive = true;
    this.#heard = event.stats?.totalVisits ?? this.#heard;
    this.#handlers.hear(event);
  }

  #waitForMore() {
    this.#wait(SILENCE_MS, () => this.#check());
  }

  /** A dead stream is as silent as a quiet one: it is dead if the server counts a visit that it does not send. */
  async #check() {
    const source = this.#source;
    this.#wait(2 * ANSWER_LIMIT_MS);
    const stats = await fetch(new URL("/api/stats", this.#base)).then((answer) => answer.ok && answer.json()).catch(() => null);
    if (!stats || source !== this.#source) return;
    if (stats.totalVisits === this.#heard) this.#waitForMore();
    this.#handlers.hear({ stats });
  }

  /** @param {number} limitMs  @param {() => void} then */
  #wait(limitMs, then = () => this.#drop()) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, limitMs);
  }
}
