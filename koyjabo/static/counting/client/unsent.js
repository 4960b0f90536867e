/**
 * Requests that have no response yet. They are noted before they are sent, so that nothing is lost if the page closes
 * early. After a failure, they move to koyjabo-queue.3.js.
 */

import { post } from "./posting.js";
import { persistently } from "./requests.js";
import { keep, local } from "./storage.js";

/** @typedef {import("../koyjabo-queue.3.js").Entry} Entry */

const WAITING = "koyjabo.waiting "; // as in koyjabo-queue.3.js

/** Number of this browser's visits and events that have no response yet. */
export const waiting = () => Object.keys(local).filter((key) => key.startsWith(WAITING)).length;

/** The module that sends waiting requests once the network is available. */
export const queue = () => persistently(() => import("../koyjabo-queue.3.js"));

/**
 * Send the waiting requests.
 * @param {number | false} [restMs]  the minimum wait, for an entry as its server asks
 * @param {Entry} [entry]  has failed, and may not be noted
 */
export const deliver = (restMs, entry) =>
  queue().then(({ keep, later }) => {
    // Events that have to wait hold back no visit.
    later(restMs, local, entry && (restMs && entry.visit ? entry.url : new URL(entry.url).host));
    if (entry) keep(entry);
  });

/**
 * @param {Entry} entry  @returns {() => boolean} whether the entry is settled, which can happen without this page
 *   seeing the response
 */
export function note(entry) {
  const key = WAITING + entry.id;
  const isNoted = keep(local, key, JSON.stringify(entry)); // unless the storage is full
  return () => isNoted && !local[key];
}

/** Remove an entry that the server has counted or refused. @param {string} id */
export function done(id) {
  const key = WAITING + id;
  if (local[key] === "0") deliver(); // the queue has it as well, and a retry will remove it
  delete local[key];
}

/**
 * Send an entry. It waits in the queue if the server does not respond.
 * @param {Entry} entry  @returns {Promise<import("./posting.js").Outcome>}
 */
export async function send(entry) {
  const outcome = await post(entry.url, JSON.stringify(entry.body), local);
  if (outcome.isSettled) done(entry.id);
  else {
    if (outcome.isOdd) entry.since = Date.now();
    deliver(outcome.restMs, entry);
  }
  return outcome;
}
