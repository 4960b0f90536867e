/**
 * The views of pages (docs/client.md). One list on the socket or the stream serves all listeners. Without either of
 * them, the list is polled. KoyJabo loads this module with the first listener.
 *
 * @typedef {{path: string, views: number | null, today: number | null}} PageNumber  null if the server does not show it
 * @typedef {(pages: PageNumber[]) => void} PagesListener
 */

const MAX_PATHS = 100;
const MAX_LENGTH = 512; // of an encoded path
const MAX_QUERY = 6_000; // the server accepts request lines of 8 KB
const AGAIN_MS = 10_000;
const NOTHING = '{"type":"pages","paths":[]}';

/** Whether the server accepts a path. If not, it refuses the whole list. @param {unknown} path */
function isRight(path) {
  const { length } = new URL(`http://page/${path}`).pathname; // without the query
  return path === `${path}` && length > 1 && length <= MAX_LENGTH + 1;
}

/** @param {string[]} paths  @returns {string[]} queries for the paths, each short enough for a request */
function queriesOf(paths) {
  const queries = [""];
  for (const path of paths) {
    const last = queries.length - 1, more = `${new URLSearchParams({ path })}`;
    if (queries[last].length + more.length > MAX_QUERY) queries.push(more);
    else queries[last] += (queries[last] && "&") + more;
  }
  return queries;
}

/**
 * @typedef {object} Parts  what KoyJabo shares with this module
 * @property {import("./client/line.js").Line} socket
 * @property {() => ReturnType<typeof import("./koyjabo-stream.js").stream> | undefined} stream
 * @property {URL} base  the server's URL
 * @property {typeof import("./client/requests.js").request} request
 * @property {(value: any, known: any) => boolean} isNewer
 * @property {() => boolean} isStopped
 */

/** @param {import("./koyjabo.js").KoyJabo} koyjabo  @param {Parts} parts */
export function pagesOf(koyjabo, { socket, stream, base, request, isNewer, isStopped }) {
  /** @type {Set<string[]>} */
  const lists = new Set(); // one for each listener
  /** @type {string[]} */
  let paths = []; // the union of the lists
  /** @type {Record<string, {page: PageNumber, epoch: string, revision: number}>} */
  let known = {};
  const changes = new EventTarget();
  /** @type {boolean | undefined} */
  let isOn; // whether the server shows the numbers of pages, once it has responded
  let isAsking = false, timer = 0;

  /** @param {{pages: PageNumber[], epoch: string, revision: number}} values */
  function accept({ pages, epoch, revision }) {
    isOn = true;
    for (const page of pages) {
      const value = { page, epoch, revision };
      if (isNewer(value, known[page.path])) known[page.path] = value;
    }
    changes.dispatchEvent(new Event("change"));
  }

  /** Send the list, if the socket is open and has another one. */
  function send() {
    const { source } = socket, text = JSON.stringify({ type: "pages", paths });
    if (source?.readyState === 1 && (source.watched ?? NOTHING) !== text) source.send((source.watched = text));
  }

  /** Follow a change of the list. */
  function update() {
    paths = [...new Set([...lists].flat())];
    known = Object.fromEntries(Object.entries(known).filter(([path]) => paths.includes(path)));
    send();
    if (koyjabo.line !== "connecting") poll();
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
    if (socket.source?.readyState === 1 || stream()?.isLiveWith(query()) || isAsking || isOn === false || !paths[0] || isStopped()) return;
    isAsking = true;
    for (const some of queriesOf(paths)) {
      try {
        const response = await request(`api/pages?${some}`, base);
        if (response.ok) accept(await response.json());
        else if (response.status === 404) isOn = false;
      } catch {
        // The next poll tries again.
      }
    }
    isAsking = false;
    stream()?.follow();
  }

  /** @param {any} event  from the socket or the stream */
  function hear(event) {
    if (event.type === "page_update") accept(event);
    if (event.type !== "error" || !paths[0]) return;
    if (/still_counting|ledger_unavailable/.test(event.code)) {
      if (socket.source) socket.source.watched = "";
      setTimeout(send, AGAIN_MS);
    } else console.warn("Not shown:", event.error);
  }

  /** @param {string[]} list  @param {PagesListener} listener  @param {AbortSignal} signal  ends it */
  function watch(list, listener, signal) {
    if (signal.aborted) return;
    if (!list.every(isRight) || new Set([...lists, list].flat()).size > MAX_PATHS) return console.warn("Not shown:", "a wrong path, or more than 100", list);
    let text = "";
    const tell = () => {
      const pages = list.map((path) => known[path]?.page);
      if (pages.every(Boolean) && text !== (text = JSON.stringify(pages))) listener(JSON.parse(text));
    };
    lists.add(list);
    changes.addEventListener("change", tell, { signal });
    signal.addEventListener("abort", () => {
      lists.delete(list);
      updateSoon();
    });
    tell();
    updateSoon();
  }

  return { watch, send, poll, hear, query };
}
