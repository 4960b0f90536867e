"use client";

const PING_MS = 30_000;
const ANSWER_MS = 10_000;
const MOST_UNANSWERED = 2;

/** Checks the connection every 30 s, because browsers may not notice a dead connection for minutes. */
export class Heartbeat {
  #unanswered = 0;
  #ping = () => {};
  #dead = () => {};
  #timer: ReturnType<typeof setInterval> | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;

  /** Call `ping` every 30 s, or `dead` if two pings got no response. */
  start(ping: () => void, dead: () => void): void {
    this.stop();
    this.#unanswered = 0;
    this.#ping = ping;
    this.#dead = dead;
    this.#timer = setInterval(() => this.#beat(), PING_MS);
  }

  /** Check now: without a response within 10 s, the connection is dead. For devices that slept or changed networks. */
  check(): void {
    if (this.#timer === undefined || this.#limit !== undefined) return;
    this.#limit = setTimeout(() => this.#dead(), ANSWER_MS);
    this.#ping();
  }

  /** Call this when a message arrives from the server. */
  heard(): void {
    this.#unanswered = 0;
    clearTimeout(this.#limit);
    this.#limit = undefined;
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#limit);
    this.#timer = this.#limit = undefined;
  }

  #beat(): void {
    if (this.#unanswered === MOST_UNANSWERED) return this.#dead();
    this.#unanswered += 1;
    this.#ping();
  }
}
