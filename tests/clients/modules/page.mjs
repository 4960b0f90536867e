/**
 * A page for the client module under Node: a window whose sockets, streams, requests and clock a test controls. Import
 * it before the modules. Each test gets an empty page from `open`.
 */

import { afterEach } from "node:test";

export const BASE = "https://live.example.com/";
export const START_MS = Date.UTC(2026, 10, 28);

/** @type {Map<string, Set<Function>>} */
const listeners = new Map();
const listenersOf = (type) => listeners.get(type) ?? new Set();
const ofModules = new Set(); // listeners that modules add when they are loaded, which happens once in a test run
const messages = [];

class FakeSocket {
  readyState = 0;
  sent = [];

  constructor(url, opened = page.sockets) {
    this.url = url;
    opened.push(this);
    queueMicrotask(() => opened.isRefused ? this.onerror?.({}) : this.readyState === 0 && this.open());
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  /** What the server sends. */
  push(event) {
    this.onmessage?.({ data: JSON.stringify(event) });
  }

  /** The connection is lost. */
  lose(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  close() {
    this.readyState = 3;
  }
}

class FakeStream extends FakeSocket {
  constructor(url) {
    super(url, page.streams);
  }
}

/** Everything that the page has sent and opened. */
export const page = { sockets: [], streams: [], requests: [], events: [], console: messages, total: 4000, answer: undefined, protocol: "" };

let nowMs = START_MS, lastTimer = 0;
/** @type {Map<number, {atMs: number, call: Function, everyMs?: number}>} */
const timers = new Map();
const clear = (timer) => void timers.delete(timer);

/** Move the clock, and run the timers that become due, in order. */
export function tick(ms) {
  const endMs = nowMs + ms;
  for (;;) {
    const [due] = [...timers].filter(([, { atMs }]) => atMs <= endMs).sort(([, a], [, b]) => a.atMs - b.atMs);
    if (!due) break;
    const [timer, { atMs, call, everyMs }] = due;
    nowMs = Math.max(nowMs, atMs);
    if (everyMs) timers.set(timer, { atMs: atMs + everyMs, call, everyMs });
    else clear(timer);
    call();
  }
  nowMs = endMs;
}

const globals = {
  setTimeout(call, ms = 0) {
    timers.set(++lastTimer, { atMs: nowMs + (ms || 0), call });
    return lastTimer;
  },
  setInterval(call, everyMs) {
    timers.set(++lastTimer, { atMs: nowMs + everyMs, call, everyMs });
    return lastTimer;
  },
  clearTimeout: clear,
  clearInterval: clear,
  addEventListener(type, call, { signal } = {}) {
    const calls = listenersOf(type).add(call);
    listeners.set(type, calls);
    signal?.addEventListener("abort", () => calls.delete(call));
    if (!signal && type === "online") ofModules.add(call);
  },
  dispatchEvent(event) {
    page.events.push(event);
    for (const call of [...listenersOf(event.type)]) call(event);
  },
  document: {},
  location: {},
  history: {},
  localStorage: {},
  sessionStorage: {},
  performance: { timeOrigin: START_MS, now: () => nowMs - START_MS, getEntriesByType: () => [{ name: `${BASE}api/stats`, nextHopProtocol: page.protocol }] },
  parent: globalThis,
  self: globalThis,
  navigator: { userAgent: "a browser of the tests", webdriver: true, sendBeacon: () => true },
  WebSocket: FakeSocket,
  EventSource: FakeStream,
  console: Object.fromEntries(["log", "warn", "error"].map((name) => [name, (...texts) => messages.push(texts.join(" "))])),
  /** Responds as the server does, unless the page's `answer(path, body)` returns a response or throws. */
  async fetch(url, { body, headers } = {}) {
    const { host, pathname, search } = new URL(url), path = pathname.slice(1), sent = body && JSON.parse(body);
    page.requests.push({ path, host, atMs: nowMs, ...(sent && { body: sent }), ...(headers && { isJson: true }), ...(search && { search }) });
    return (await page.answer?.(path, sent, search)) ?? Response.json(serverAnswer(path));
  },
};
Date.now = () => nowMs;
for (const [name, value] of Object.entries(globals)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });

function serverAnswer(path) {
  if (path === "api/stats") return stats(page.total);
  if (path === "api/events") return { accepted: 1, duplicates: 0 };
  if (path !== "api/visitor/register") return {};
  return { success: true, visit: { ordinal: ++page.total, today: 1, share: "/n/1", duplicate: false }, stats: stats(page.total) };
}

export const stats = (total, revision = 1, epoch = "mj8k2f1x") => ({
  totalVisitors: total, totalVisits: total, todayVisits: 1, activeUsers: 1, uniqueVisitors: 1, locations: {}, revision, epoch,
});

/** An error of the server. */
export const refusal = (status, headers = {}) => Response.json({ error: "Not now.", code: "an_error", details: {} }, { status, headers });

/** An event of the server. */
export const update = (total, revision, epoch, more) => ({ type: "visitor_update", stats: stats(total, revision, epoch), ...more });

/** Something happens to the window, such as `happen("keydown", { isTrusted: true })`. */
export function happen(type, fields = {}) {
  const event = { type, ...fields };
  for (const call of [...listenersOf(type)]) call(event);
}

export function hide(isHidden = true) {
  document.hidden = isHidden;
  happen("visibilitychange");
}

export const isListening = (type) => listenersOf(type).size > 0;

/** Wait until promises and tasks that are due have run. */
export async function settled() {
  for (let round = 0; round < 25; round++) await new Promise(setImmediate);
}

export async function pass(ms) {
  for (let left = ms; left > 0; left -= 1000) {
    tick(Math.min(left, 1000));
    await settled();
  }
}

const empty = (area) => Object.keys(area).forEach((key) => delete area[key]);

/** A new document in the same session. Nothing of the earlier one runs on. */
export function load(path = "/") {
  ofModules.forEach((call) => call()); // nothing rests
  listeners.clear();
  listeners.set("online", new Set(ofModules));
  timers.clear();
  Object.assign(page, { sockets: [], streams: [], requests: [], events: [], answer: undefined });
  messages.length = 0;
  Object.assign(document, { hidden: false, prerendering: false, referrer: "" });
  delete globalThis.koyjaboShared?.[BASE];
  Object.assign(location, { protocol: "https:", host: "example.com", hash: "", pathname: path, href: `https://example.com${path}` });
  for (const name of ["pushState", "replaceState"]) history[name] = (state, title, to) => {
    const { pathname, hash } = new URL(to, `https://example.com${location.pathname}`);
    Object.assign(location, { pathname, hash });
  };
}

/** @type {import("../../../koyjabo/static/counting/koyjabo.js").KoyJabo[]} */
const running = [];

/** Start the client, and return it when the page has nothing more to do at once. */
export async function open(KoyJabo, options = {}) {
  const koyjabo = new KoyJabo({ baseUrl: BASE, ...options });
  running.push(koyjabo);
  koyjabo.start();
  await settled();
  return koyjabo;
}

export const sent = (path) => page.requests.filter((request) => request.path === path).map(({ body }) => body);

load();
afterEach(async () => {
  page.answer = undefined;
  for (const koyjabo of running.splice(0)) koyjabo.stop();
  await settled();
  empty(globals.localStorage);
  empty(globals.sessionStorage);
  page.total = 4000;
  load();
});
