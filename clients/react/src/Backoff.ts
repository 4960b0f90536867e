"use client";

const MOST_ATTEMPTS = 5;
const LONGEST_MS = 30_000;

/** Schedules up to five attempts to reconnect, after waits of 2, 4, 8, 16 and 30 s. */
export class Backoff {
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Run `attempt` after the next wait, unless all attempts are used up. */
  schedule(attempt: () => void): void {
    if (this.#attempts === MOST_ATTEMPTS) return;
    this.#attempts += 1;
    this.#timer = setTimeout(attempt, Math.min(1000 * 2 ** this.#attempts, LONGEST_MS));
  }

  /** Cancel the pending attempt, and start over with the first wait. */
  reset(): void {
    clearTimeout(this.#timer);
    this.#attempts = 0;
  }
}
