/** For pages of the release before, whose client follows the page's path in its queue (decision 131). */

import { eventsOf as newest } from "./koyjabo-queue.3.js";

export * from "./koyjabo-queue.3.js";

const MOVED = "koyjaboPath"; // an event where there is no Navigation API

/**
 * Call `look` whenever the page may have changed its path without loading. Like client/path.js, whose copies on a page share
 * one wrapper. Old service workers import this part, so it imports no client.
 * @param {(event?: any) => void} look  @param {AbortSignal} [signal]  ends it
 */
export function onPath(look, signal) {
  try {
    const { navigation } = /** @type {any} */ (self);
    if (navigation.currentEntry) return navigation.addEventListener("currententrychange", look, { signal });
  } catch {
    // It is missing or forbidden. An element of the page may have its name.
  }
  for (const name of ["popstate", MOVED]) addEventListener(name, look, { signal });
  const calls = /** @type {any} */ (history);
  for (const name of ["pushState", "replaceState"]) {
    try {
      const original = calls[name];
      if (!original[MOVED]) calls[name] = function (/** @type {unknown[]} */ ...args) {
        const result = original.apply(this, args);
        dispatchEvent(Object.assign(new Event(MOVED), { navigationType: name.slice(0, -5) }));
        return result;
      };
      calls[name][MOVED] = true;
    } catch {
      // The same: changes of its path are not seen.
    }
  }
}

/**
 * @param {import("./koyjabo-queue.3.js").Visit & {page?: string}} visit  @param {() => Promise<unknown> | undefined} begun
 * @param {AbortSignal} signal  @param {any} notes  as for the newer one
 */
export function eventsOf(visit, begun, signal, notes) {
  const { track } = newest(visit, begun, signal, notes);
  let isFollowing = false;

  /**
   * Track a page view whenever the path changes, and when the back/forward cache restores the page: once, however many
   * clients and copies of the client the page has.
   * @param {(page?: string) => string} addressOf  a page as it is sent
   * @param {Record<string, any>} shared  see client/shared.js
   */
  function follow(addressOf, shared) {
    if (isFollowing) return;
    isFollowing = true;
    const { href } = visit.base;
    const look = (/** @type {any} */ event) => {
      const last = shared[href], path = location.pathname;
      const isViewed = last?.path === path && (!event?.persisted || last.event === event);
      if (isViewed || signal.aborted) return;
      shared[href] = { ...last, path, event };
      track("pageview", {}, addressOf(last ? path : visit.page));
    };
    onPath(look, signal);
    addEventListener("pageshow", look, { signal });
    look(0);
  }

  return { track, follow };
}
