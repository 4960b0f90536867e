/**
 * Requests without an answer yet: noted before they are sent, so that a page that is closed meanwhile loses nothing, and
 * given to koyjabo-queue.js once a request has failed.
 */

import { POLL_MS } from "./requests.js";
import { keep, local } from "./storage.js";

/** @typedef {import("../koyjabo-queue.js").Entry} Entry */

const WAITING = "koyjabo.waiting "; // as in koyjabo-queue.js

/** The number of visits and events of this browser without an answer. */
export const waiting = () => Object.keys(local).filter((key) => key.startsWith(WAITING)).length;

/** The module that sends what waits, as soon as there is a network. @returns {Promise<typeof import("../koyjabo-queue.js")>} */
export const queue = () => import("../koyjabo-queue.js").catch(() => new Promise((then) => setTimeout(() => then(queue()), POLL_MS)));

/** Send what waits. @param {number} [restMs]  not before */
export const deliver = (restMs) => queue().then(({ later }) => later(restMs, local));

/** @param {Entry} entry  @returns {() => boolean} whether the queue has an answer to it, and does not say which */
export function note(entry) {
  const key = WAITING + entry.id;
  if (keep(local, key, JSON.stringify(entry))) return () => !(key in local);
  queue().then(({ keep }) => keep(entry)); // there is no room
  return () => false;
}

/** The server has counted or refused it. @param {string} id */
export function done(id) {
  const isKept = local[WAITING + id] === "0"; // in the queue, which a retry takes it out of
  delete local[WAITING + id];
  if (isKept) deliver();
}
