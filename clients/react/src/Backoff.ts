const MOST_ATTEMPTS = 5;
const LONGEST_MS = 30_000;

/** Waits 2, 4, 8, 16 and 30 s before the first to the fifth attempt to reconnect. There is no sixth. */
export class Backoff {
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Run `attempt` after the next wait, unless all attempts are used up. */
  schedule(attempt: () => void): void {
    if (this.#attempts === MOST_ATTEMPTS) return;
    this.#attempts += 1;
    this.#timer = setTimeout(attempt, Math.min(1000 * 2 ** this.#attempts, LONGEST_MS));
  }

  /** Cancel the waiting attempt, and start again with the first. */
  reset(): void {
    clearTimeout(this.#timer);
    this.#attempts = 0;
  }
}
