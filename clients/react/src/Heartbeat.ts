const PING_MS = 30_000;
const ANSWER_MS = 10_000;
const MOST_UNANSWERED = 2;

/** Asks every 30 s whether the other end is there: browsers may not notice for minutes that a line is dead. */
export class Heartbeat {
  #unanswered = 0;
  #ping = () => {};
  #dead = () => {};
  #timer: ReturnType<typeof setInterval> | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;

  /** Call `ping` every 30 s, or `dead` when two pings have brought nothing back. */
  start(ping: () => void, dead: () => void): void {
    this.stop();
    this.#unanswered = 0;
    this.#ping = ping;
    this.#dead = dead;
    this.#timer = setInterval(() => this.#beat(), PING_MS);
  }

  /** Ask now, and take 10 s without an answer for the end: the device has slept, or was in another network. */
  check(): void {
    if (this.#timer === undefined || this.#limit !== undefined) return;
    this.#limit = setTimeout(() => this.#dead(), ANSWER_MS);
    this.#ping();
  }

  /** Something has come from the other end. */
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
