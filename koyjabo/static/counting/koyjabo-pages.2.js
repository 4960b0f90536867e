/**
 * The views of pages (docs/client.md). One list on the socket or the stream serves all listeners. Without either of
 * them, the list is polled. KoyJabo loads this module with the first listener.
 *
 * @typedef {{path: string, views: number | null, today: number | null}} PageNumber  null if the server does not show it
 * @typedef {(pages: PageNumber[]) => void} PagesListener
 */

import { pathOf as withRoute } from "./client/address.js";
import { isOwnError } from "./client/posting.js";

const MAX_PATHS = 100; // in a message or request
const MAX_LENGTH = 512; // of an encoded path
const ORIGIN_LENGTH = "http://page".length;
const MAX_QUERY = 6_000; // the server accepts request lines of 8 KB
const AGAIN_MS = 10_000;
/** @type {Set<unknown>} */
const warned = new Set();

/**
 * The path of a page that a site names: addresses lose their scheme, host and query. Undefined after a warning if the
 * server would refuse it, as it does with a local file (`/C:/a.html`).
 * @param {unknown} name
 */
function pathOf(name) {
  const [, host, rest] = /** @type {string[]} */ (/^(https?:\/\/[^/?#]*)?(.*)/is.exec(withRoute(`${name}`.trim())));
  const path = host && rest[0] !== "/" ? `/${rest}` : rest;
  if (/^\/(?![a-z]:\/)/i.test(path) && new URL(`http:page${path}`).href.length - ORIGIN_LENGTH <= MAX_LENGTH) return path;
  if (!warned.has(name)) console.warn(`Write a path like /posts/1, up to ${MAX_LENGTH} characters, not "${name}"`);
  warned.add(name);
}

/** JSON of a list, also on pages where Prototype.js gives arrays a `toJSON`. @param {unknown[]} list */
const listOf = (list) => `[${list.map((one) => JSON.stringify(one))}]`;

/** @param {string[]} paths  @returns {string[]} queries for the paths, each short enough for a request */
function queriesOf(paths) {
  const queries = [""];
  let room = MAX_PATHS;
  for (const path of paths) {
    const last = queries.length - 1, more = `${new URLSearchParams({ path })}`;
    if (room-- && queries[last].length + more.length <= MAX_QUERY) queries[last] += (queries[last] && "&") + more;
    else {
      queries.push(more);
      room = MAX_PATHS - 1;
    }
  }
  return queries;
}

/**
 * @typedef {object} Parts  what KoyJabo shares with this module
 * @property {import("./client/line.js").Line} socket
 * @property {() => ReturnType<typeof import("./koyjabo-stream.2.js").stream> | undefined} stream
 * @property {URL} base  the server's URL
 * @property {import("./client/requests.js").Poll} requests
 * @property {(value: any, known: any) => boolean} isNewer
 * @property {typeof import("./client/shared.js").shared} shared
 */

/** @param {import("./koyjabo-client.3.js").KoyJabo} koyjabo  @param {Parts} parts */
export function pagesOf(koyjabo, { socket, stream, base, requests, isNewer, shared }) {
  /** @type {Set<string[]>} */
  const lists = new Set(); // one for each listener
  /** @type {string[]} */
  let paths = []; // the union of the lists
  /** @type {Record<string, {page: PageNumber, epoch: string, revision: number}>} */
  let known = {};
  const changes = new EventTarget();
  /** @type {boolean | undefined} */
  let isOn; // whether the server shows the numbers of pages, once it has responded
  let isAsking = false, timer = 0, turn = 0;

  /** @param {{pages: PageNumber[], epoch: string, revision: number}} values */
  function accept({ pages, epoch, revision }) {
    if (!epoch) return; // another program has responded
    for (const page of pages) {
      const value = { page, epoch, revision };
      if (isNewer(value, known[page.path])) known[page.path] = value;
    }
    isOn = true;
    changes.dispatchEvent(new Event("change"));
  }

  /** Send the list, if the socket is open and has another one. Each message but the first adds to those before it. */
  function send() {
    const { source } = socket, watched = listOf(paths);
    if (source?.readyState !== 1 || (source.watched ?? "[]") === watched) return;
    source.watched = watched;
    let at = 0;
    do source.send(`{"type":"pages","paths":${listOf(paths.slice(at, at + MAX_PATHS))},"adds":${at > 0}}`);
    while ((at += MAX_PATHS) < paths.length);
  }

  /** Follow a change of the list. */
  function update() {
    const all = new Set([...lists].flat());
    paths = [...all];
    known = Object.fromEntries(Object.entries(known).filter(([path]) => all.has(path)));
    send();
    if (/live|polling/.test(koyjabo.line)) poll();
  }

  /** Call `update` when all listeners of this moment are known. */
  function updateSoon() {
    clearTimeout(timer);
    timer = setTimeout(update);
  }

  /** The query of a stream with these pages, if one can have them all. A stream without page numbers would be refused. */
  function query() {
    const [first, another] = queriesOf(paths);
    return isOn && !another ? first : "";
  }

  /** Request the numbers, unless they are pushed. */
  async function poll() {
    if (socket.source?.readyState === 1 || stream()?.isLiveWith(query()) || isAsking || !requests.isDue || isOn === false || !paths[0]) return;
    isAsking = true;
    const parts = queriesOf(paths);
    try {
      // A long list is requested whole until all numbers are known, and then part by part.
      for (let left = parts.length; left--; ) {
        const response = await requests.get(`api/pages?${parts[turn++ % parts.length]}`, base);
        const body = await response.json();
        if (response.status === 404 && isOwnError(body)) isOn = false;
        if (!response.ok) break;
        accept(body);
        if (paths.every((path) => known[path])) break;
      }
    } catch {
      // The next poll tries again.
    }
    isAsking = false;
    stream()?.follow();
  }

  /** @param {any} event  from the socket or the stream */
  function hear(event) {
    if (event.type === "page_update") accept(event);
    if (event.type !== "error" || !paths[0]) return;
    if (/still|ledger|rate/.test(event.code)) {
      if (socket.source) socket.source.watched = "";
      setTimeout(send, AGAIN_MS);
    } else shared.lines?.hidden(event.error);
  }

  /** @param {string[]} list  @param {PagesListener} listener  @param {AbortSignal} signal  ends it */
  function watch(list, listener, signal) {
    if (signal.aborted) return;
    const names = list.map(pathOf), watched = /** @type {string[]} */ (names.filter(Boolean));
    let text = "";
    const tell = () => {
      const pages = list.map((path, at) => ({ views: null, today: null, .../** @type {any} */ (known)[/** @type {any} */ (names[at])]?.page, path }));
      if (watched.every((path) => known[path]) && text !== (text = listOf(pages))) listener(pages);
    };
    lists.add(watched);
    changes.addEventListener("change", tell, { signal });
    signal.addEventListener("abort", () => {
      lists.delete(watched);
      updateSoon();
    });
    tell();
    updateSoon();
  }

  return { watch, send, poll, hear, query };
}
