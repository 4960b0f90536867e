/** The events of the site: by a socket, and by a stream where no socket can be opened. */

import { isOpen, Line } from "./line.js";

/**
 * @typedef {object} FeedHandlers
 * @property {(event: any) => void} hear
 * @property {() => void} lost
 * @property {() => Promise<unknown> | undefined} ready  when the server knows the visitor
 */

/**
 * @param {URL} base
 * @param {{visitorId: string, anonymous?: boolean}} who
 * @param {AbortSignal} signal  ends it
 * @param {FeedHandlers} handlers
 */
export function newFeed(base, { visitorId, anonymous }, signal, { hear, lost, ready }) {
  /** @type {import("../koyjabo-stream.js").Stream | undefined} */
  let stream;
  const socket = new Line(new URL(anonymous ? "/?anonymous=true" : "/", base), {
    hear(event) {
      stream?.close();
      hear(event);
    },
    lost(isRefused) {
      lost();
      if (isRefused) import("../koyjabo-stream.js").then(({ Stream }) => (stream ??= new Stream(base, socket, signal, { hear, lost })), () => {}); // polls, then
      return stream?.replace();
    },
    async opened(opened) {
      await ready();
      if (!isOpen(opened)) return;
      opened.send(JSON.stringify({ type: "visitor", visitorId })); // not in the URL: proxies log it
      console.log("Connected to KoyJabo Analytics Stream");
    },
  });
  return { socket, isLive: () => socket.isLive || stream?.isLive };
}
