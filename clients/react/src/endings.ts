/** What a close code says about coming back (the codes of the server are listed in the README). */

/** No credentials, a token that is not good, or not allowed in there: asking again would not help. */
const REFUSED = new Set([4001, 4002, 4003]);
const EXPIRED = 4004;

/** What the socket became before anybody said a word about it: the code of a lost line (RFC 6455, 7.1.5). */
export const LOST = 1006;

export type Ending = "refused" | "expired" | "lost";

export function endingOf(code: number): Ending {
  if (REFUSED.has(code)) return "refused";
  return code === EXPIRED ? "expired" : "lost";
}
