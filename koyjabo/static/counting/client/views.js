/**
 * Page views: of each page but the visit's first, of paths that open without loading, and of pages that the back/forward
 * cache restores. Each is counted once, however many clients and copies of the client a page has.
 */

import { addressOf, ownPath } from "./address.js";
import { onPath } from "./path.js";
import { on } from "./requests.js";
import { shared } from "./shared.js";

const REPLACED_MS = 500; // routers redirect by replacing a path before it is seen

/**
 * A view, which waits because another path may replace its own.
 * @param {string} page  @param {(page: string) => void} send
 * @returns {(next?: string) => boolean | void}  gives it to the page `next`, or else sends it; true if it still waited
 */
export function opened(page, send) {
  let timer = 0;
  const end = () => {
    clearTimeout(timer);
    timer = 0;
    send(page);
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(end, REPLACED_MS);
  };
  wait();
  return (next) => {
    if (!timer) return;
    if (next == null) return end();
    page = next;
    wait();
    return true;
  };
}

/**
 * Count page views until `signal` ends it.
 * @param {import("./visit.js").Visit} visit  @param {AbortSignal} signal  @param {(page: string) => void} send
 */
export function follow(visit, signal, send) {
  const { href } = visit.base;
  const look = (/** @type {any} */ event) => {
    const last = shared[href], path = ownPath();
    const isViewed = last?.path === path && (!event?.persisted || last.event === event);
    if (isViewed || signal.aborted || !visit.isOpen) return;
    const page = addressOf(last ? path : visit.page);
    const isReplaced = last?.view?.(event?.navigationType === "replace" ? page : undefined);
    shared[href] = { ...last, path, event, view: isReplaced ? last.view : opened(page, send) };
  };
  const leave = () => shared[href]?.view?.();
  onPath(look, signal);
  on("pageshow", look, signal);
  on("pagehide visibilitychange", leave, signal);
  signal.addEventListener("abort", leave);
  look(0);
}
