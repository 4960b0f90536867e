/**
 * Requests that have no response yet. They are noted before they are sent, so that a page that closes early loses
 * nothing. After a failure they move to koyjabo-queue.js.
 */

import { POLL_MS } from "./requests.js";
import { keep, local } from "./storage.js";

/** @typedef {import("../koyjabo-queue.js").Entry} Entry */

const WAITING = "koyjabo.waiting "; // as in koyjabo-queue.js

/** Number of this browser's visits and events that have no response yet. */
export const waiting = () => Object.keys(local).filter((key) => key.startsWith(WAITING)).length;

/**
 * The module that sends waiting requests once there is a network.
 * @returns {Promise<typeof import("../koyjabo-queue.js")>}
 */
export const queue = () => import("../koyjabo-queue.js").catch(() => new Promise((then) => setTimeout(() => then(queue()), POLL_MS)));

/** Send what is waiting. @param {number} [restMs]  wait at least this long */
export const deliver = (restMs) => queue().then(({ later }) => later(restMs, local));

/**
 * @param {Entry} entry  @returns {() => boolean} whether the entry is settled, which can happen without this page
 *   seeing the response
 */
export function note(entry) {
  const key = WAITING + entry.id;
  if (keep(local, key, JSON.stringify(entry))) return () => !(key in local);
  queue().then(({ keep }) => keep(entry)); // the storage is full
  return () => false;
}

/** Remove an entry that the server has counted or refused. @param {string} id */
export function done(id) {
  const isKept = local[WAITING + id] === "0"; // the queue has it as well, and a retry will remove it
  delete local[WAITING + id];
  if (isKept) deliver();
}
