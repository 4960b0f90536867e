/** Erases the visitor on the server, then the visitor's id in this browser. */

import { local, session } from "../counting/koyjabo-client.3.js";
import { close, reopen } from "../counting/koyjabo-queue.3.js";

const OURS = /^(visitorId$|koyjabo\.(?!doNotCount))/;
const LONGEST_WAIT_S = 30;

/**
 * Repeat the request until it succeeds, because a visitor with very many visits is erased in several requests.
 * @param {import("../counting/koyjabo.js").KoyJabo} koyjabo  stopped afterwards
 * @returns {Promise<boolean>} whether the visitor is erased; if not, call this again
 */
export async function forget(koyjabo) {
  await close(local); // otherwise it would be counted afterwards
  const isErased = await erase(koyjabo).catch(() => false); // the page goes on to count
  if (!isErased) reopen();
  return isErased;
}

/** @param {import("../counting/koyjabo.js").KoyJabo} koyjabo */
async function erase(koyjabo) {
  const wasCounted = koyjabo.isCounted;
  if (!(await isForgotten(koyjabo.visitorId))) return false;
  await koyjabo.stop();
  // A visit was registered in the meantime: erase again.
  if (!wasCounted && koyjabo.isCounted && !(await isForgotten(koyjabo.visitorId))) return false;
  for (const area of [local, session]) for (const key of Object.keys(area).filter((key) => OURS.test(key))) delete area[key];
  await close(local);
  return true;
}

/** @param {string} visitorId */
async function isForgotten(visitorId) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ visitorId }),
  };
  try {
    let answer = await fetch("/api/visitor/forget", request);
    while (await isToBeAskedAgain(answer)) answer = await fetch("/api/visitor/forget", request);
    return answer.ok;
  } catch {
    return false;
  }
}

/** Wait for the time that Retry-After specifies. @param {Response} answer */
async function isToBeAskedAgain(answer) {
  if (answer.ok || (await answer.json()).code !== "not_yet_forgotten") return false;
  const waitS = Math.min(Number(answer.headers.get("Retry-After")), LONGEST_WAIT_S);
  await new Promise((resolve) => setTimeout(resolve, 1000 * waitS));
  return true;
}
