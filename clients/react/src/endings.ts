"use client";

/** Decides from the close code whether to reconnect (the README lists the server's codes). */

/** No credentials, an invalid token, or no permission: reconnecting with the same token is useless. */
const REFUSED = new Set([4001, 4002, 4003]);
const EXPIRED = 4004;

/** The code for a connection lost without a close frame (RFC 6455, 7.1.5). */
export const LOST = 1006;

export type Ending = "refused" | "expired" | "lost";

export function endingOf(code: number): Ending {
  if (REFUSED.has(code)) return "refused";
  return code === EXPIRED ? "expired" : "lost";
}
