/**
 * The service worker of our own pages, imported by /sw.js (docs/development.md). Offline, it serves the last copy of the home
 * page. When the network is back, it sends waiting requests. It never stores pages generated for a logged-in user.
 */
import { drain, isRead } from "./koyjabo-queue.3.js";

const worker = /** @type {any} */ (self); // its types are not in the DOM library
const CACHE = `koyjabo ${import.meta.url}`; // the URL contains the version
const HOME = "/", OFFLINE = "/offline";
const PROGRAMS = /^\/(api|socket\.io|ws)(\/|$)/;
const ASSET = /^\/static\/v-/;
const ASSETS = /(?:src|href)="(\/static\/v-[^"#]+)/g;
const LATER = ["koyjabo-queue.3.js", "offline.js"]; // loaded by the home page when needed
const PATIENCE_MS = 8_000;

/** @param {Response} answer */
const isForAll = ({ ok, headers }) => ok && !headers.get("Cache-Control")?.includes("no-store");

/**
 * Fetch a copy in the chosen language. If it is private, fetch it without credentials, so that it does not reveal the
 * user after logout.
 * @param {string} path
 */
async function fetchCopy(path) {
  const answer = await fetch(path);
  return isForAll(answer) ? answer : fetch(path, { credentials: "omit" });
}

async function install() {
  const cache = await caches.open(CACHE);
  const named = LATER.map((name) => new URL(name, import.meta.url).pathname);
  for (const path of [HOME, OFFLINE]) {
    const copy = await fetchCopy(path);
    if (!copy.ok) throw new Error(`${path}: ${copy.status}`);
    await cache.put(path, copy.clone());
    for (const [, asset] of (await copy.text()).matchAll(ASSETS)) named.push(asset);
  }
  await cache.addAll([...new Set(named)]);
  await worker.skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) if (name.startsWith("koyjabo ") && name !== CACHE) await caches.delete(name);
  await worker.registration.navigationPreload?.enable();
}

/** @param {string | Request} what */
const copyOf = (what) => caches.match(what, { cacheName: CACHE, ignoreVary: true }); // one copy, in the last language

/** @param {any} event  @param {string | Request} name  @param {Response} answer */
function keep(event, name, answer) {
  const copy = answer.clone();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.put(name, copy)));
}

/** Serve a file that has its version in the URL. @param {any} event */
async function asset(event) {
  const kept = await copyOf(event.request);
  if (kept) return kept;
  const answer = await fetch(event.request);
  if (answer.headers.get("Cache-Control")?.includes("immutable")) keep(event, event.request, answer);
  return answer;
}

/** @param {any} event  @returns {Promise<Response>} */
async function fromNetwork(event) {
  const answer = (await event.preloadResponse) ?? (await fetch(event.request));
  if (new URL(event.request.url).pathname === HOME && isForAll(answer)) keep(event, HOME, answer);
  return answer;
}

/**
 * A page, however long it takes, or the page about a missing connection. Only the home page has a copy, which
 * is shown when the network is silent, and then updates itself. @param {any} event  @param {string} path
 */
async function page(event, path) {
  const copy = path === HOME ? await copyOf(HOME) : undefined, network = fromNetwork(event);
  const late = new Promise((resolve) => copy && setTimeout(resolve, PATIENCE_MS, copy));
  const answer = await Promise.race([network, late]).catch(() => undefined);
  if (answer && answer.status < 500) return answer;
  return copy || answer || (await copyOf(OFFLINE)) || network;
}

/** @param {Promise<number>} drained */
// The rejection makes the browser try again.
const orAgain = (drained) => drained.then((restMs) => (restMs || !isRead) && Promise.reject(new Error("visits wait")));

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(install()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(activate()));
worker.addEventListener("sync", (/** @type {any} */ event) => event.waitUntil(orAgain(drain())));
worker.addEventListener("message", (/** @type {any} */ event) => event.waitUntil(drain()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { method, mode, url } = event.request, { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== location.origin) return;
  if (ASSET.test(pathname)) event.respondWith(asset(event));
  else if (mode === "navigate" && !PROGRAMS.test(pathname)) event.respondWith(page(event, pathname));
});
