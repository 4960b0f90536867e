/** A connection that receives events from the server: a WebSocket, reopened when lost. */

import { ANSWER_LIMIT_MS, delay, on, onReturn, SILENCE_MS } from "./requests.js";

/**
 * @typedef {object} LineHandlers
 * @property {(event: any) => void} hear
 * @property {(isRefused: boolean) => number | false | undefined | void} lost  `isRefused`: sockets may be blocked here.
 *   Returns ms until the next attempt; if falsy, the usual delay applies
 * @property {(socket: any) => void} [opened]
 * @property {(code: number) => void} [ended]  the server closed the connection for good, with a code of 4000 or above
 */

export class Line {
  isLive = false; // an event has arrived since the socket was opened
  #handlers;
  #failures = 0;
  #hasOpened = false;
  #isOver = false;
  /** @type {any} */
  source; // the socket
  #timer = 0; // while connected: until a response is overdue; otherwise: until the next attempt

  /** @param {URL} url  ws(s) or http(s)  @param {LineHandlers} handlers */
  constructor(url, handlers) {
    this.url = url.href;
    this.#handlers = handlers;
  }

  /** Connect, also after `end`. @param {AbortSignal} [signal]  closes the connection */
  start(signal) {
    this.#isOver = false;
    onReturn(() => this.wake(), signal);
    on("offline", () => this.#drop(), signal);
    on("pageshow", ({ persisted }) => {
      if (persisted) this.reopen(); // the back/forward cache has closed it
    }, signal);
    signal?.addEventListener("abort", () => this.end());
    this.open();
  }

  /** @returns {any} */
  connect() {
    return new WebSocket(this.url.replace("http", "ws")); // older browsers only accept ws: and wss:
  }

  open() {
    if (this.source || this.#isOver) return;
    try {
      const source = (this.source = this.connect());
      source.onopen = () => {
        this.#hasOpened = true;
        this.#handlers.opened?.(source);
      };
      source.onmessage = (/** @type {any} */ { data }) => source === this.source && this.#take(JSON.parse(data));
      // Chromium keeps the socket open after the policy refuses it.
      source.onclose = source.onerror = (/** @type {any} */ { code }) => source === this.source && this.#lost(code);
      this.wait(ANSWER_LIMIT_MS);
    } catch {
      this.#drop(); // Firefox throws when the policy refuses it
    }
  }

  reopen() {
    this.close();
    this.open();
  }

  /** Check the connection when the page becomes visible or is back online, because it may be dead. */
  wake() {
    this.#failures = 0;
    this.open();
    this.ask();
  }

  /** @param {number | undefined} code  undefined after an error */
  #lost(code = 0) {
    if (code < 4000) return this.#drop();
    this.end();
    this.#handlers.ended?.(code);
  }

  #drop() {
    if (this.#isOver) return;
    const isRefused = !this.#hasOpened || this.#failures > 0;
    this.close();
    const pauseMs = this.#handlers.lost(isRefused) || delay(this.#failures++);
    if (!this.source) this.wait(pauseMs, () => this.open());
  }

  /** Close the connection until it is started again. */
  end() {
    this.#isOver = true;
    this.close();
  }

  close() {
    this.source?.close();
    this.source = null;
    this.isLive = false;
    clearTimeout(this.#timer);
  }

  /** @param {any} event */
  #take(event) {
    this.wait(SILENCE_MS, () => this.ask());
    this.#failures = 0;
    this.isLive = true;
    this.#handlers.hear(event);
  }

  /** Check that the server still responds. */
  ask() {
    if (this.source?.readyState !== 1) return; // the socket is not open
    this.source.send('{"type":"request_count"}');
    this.wait(ANSWER_LIMIT_MS);
  }

  /** @param {number} limitMs  @param {() => void} then */
  wait(limitMs, then = () => this.#drop()) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, limitMs);
  }
}
