/**
 * Requests without an answer yet: noted before they are sent, so that a page that is closed meanwhile loses nothing, and
 * given to koyjabo-queue.js once a request has failed.
 */

import { local } from "./storage.js";

/** @typedef {import("../koyjabo-queue.js").Entry} Entry */

const WAITING = "koyjabo.waiting "; // as in koyjabo-queue.js

/** @param {Entry} entry */
export const note = (entry) => local.set(WAITING + entry.id, JSON.stringify(entry));

/** The number of visits and events of this browser without an answer. */
export const waiting = () => local.count(WAITING);

/** Whether notes stay: where they do not, an earlier page may have left something without one. */
export const isNoted = () => local.isWhole;

/** Do something with the module, unless it cannot be loaded: the notes stay. @param {(queue: typeof import("../koyjabo-queue.js")) => unknown} call */
export const queue = (call) => import("../koyjabo-queue.js").then(call).catch(() => {});

/** The server has counted or refused it. @param {string} id  @param {unknown} hasFailed  it may be in the queue */
export function done(id, hasFailed) {
  local.drop(WAITING + id);
  if (hasFailed) queue(({ remove }) => remove(id));
}
