/** A WebSocket that is opened again when it is lost. */

import { ANSWER_LIMIT_MS, delay, onReturn } from "./requests.js";

/**
 * @typedef {object} LineHandlers
 * @property {(event: any) => void} hear
 * @property {(isRefused: boolean) => number | false | undefined | void} lost  `isRefused`: no socket may work here.
 *   Returns ms until the next one, if that can wait
 * @property {(socket: WebSocket) => void} [opened]
 * @property {(code: number) => void} [ended]  the server has closed the line for good, with a code from 4000 on
 */

const SILENCE_MS = 45_000; // then send a request; the server's pings, every 25 s, are invisible to a page
const OPEN = 1; // of a WebSocket

/** @param {WebSocket | null} socket */
export const isOpen = (socket) => socket?.readyState === OPEN;

export class Line {
  isLive = false; // an event has arrived since the socket was opened
  #url;
  #handlers;
  #failures = 0;
  #hasOpened = false;
  #isOver = false;
  /** @type {WebSocket | null} */
  #socket = null;
  #timer = 0; // of an answer while there is a socket, and of the next one while there is none

  /** @param {URL} url  ws(s) or http(s)  @param {LineHandlers} handlers */
  constructor(url, handlers) {
    this.#url = url.href.replace("http", "ws"); // older browsers take nothing else
    this.#handlers = handlers;
  }

  /** @param {AbortSignal} [signal] ends it */
  start(signal) {
    onReturn(() => this.#wake(), signal);
    addEventListener("offline", () => this.#drop(), { signal });
    addEventListener("pageshow", ({ persisted }) => {
      if (!persisted) return;
      this.#close(); // the back/forward cache has closed it
      this.#wake();
    }, { signal });
    signal?.addEventListener("abort", () => this.end());
    this.#open();
  }

  #open() {
    if (this.#socket || this.#isOver) return;
    try {
      const socket = (this.#socket = new WebSocket(this.#url));
      socket.onopen = () => {
        this.#hasOpened = true;
        this.#handlers.opened?.(socket);
      };
      socket.onmessage = ({ data }) => socket === this.#socket && this.#take(data);
      // Chromium does not close one that a policy refuses.
      socket.onclose = socket.onerror = (event) => socket === this.#socket && this.#lost(/** @type {CloseEvent} */ (event).code);
      this.#wait(ANSWER_LIMIT_MS);
    } catch {
      this.#drop(); // Firefox throws where a policy refuses it
    }
  }

  /** Visible or online again: the connection may be dead. */
  #wake() {
    this.#failures = 0;
    this.#open();
    this.#ask();
  }

  /** @param {number | undefined} code  none for an error */
  #lost(code = 0) {
    if (code < 4000) return this.#drop();
    this.end();
    this.#handlers.ended?.(code);
  }

  #drop() {
    if (this.#isOver) return;
    const isRefused = !this.#hasOpened || this.#failures > 0;
    this.#close();
    const pauseMs = this.#handlers.lost(isRefused) || delay(this.#failures++);
    if (!this.#socket) this.#wait(pauseMs, () => this.#open());
  }

  /** Close it for good. */
  end() {
    this.#isOver = true;
    this.#close();
  }

  #close() {
    const socket = this.#socket;
    this.#socket = null;
    this.isLive = false;
    clearTimeout(this.#timer);
    socket?.close();
  }

  /** @param {string} data */
  #take(data) {
    this.#wait(SILENCE_MS, () => this.#ask());
    this.#failures = 0;
    this.isLive = true;
    this.#handlers.hear(JSON.parse(data));
  }

  #ask() {
    if (!isOpen(this.#socket)) return;
    this.#socket?.send('{"type":"request_count"}');
    this.#wait(ANSWER_LIMIT_MS);
  }

  /** @param {number} limitMs  @param {() => void} then */
  #wait(limitMs, then = () => this.#drop()) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, limitMs);
  }
}
