/** The client module's page numbers: one list serves all listeners, on sockets, on streams and without either. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { open, page, pass, refusal, settled, update } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-debug.2.js");
await import("../../../koyjabo/static/counting/koyjabo-pages.2.js");
await import("../../../koyjabo/static/counting/koyjabo-stream.2.js");

const EPOCH = "mj8k2f1x", LATER_EPOCH = "mj8k2f1y";
const numbers = (views, revision = 1, epoch = EPOCH) => ({
  pages: Object.entries(views).map(([path, count]) => ({ path, views: count, today: count && 1 })), epoch, revision,
});
const lists = (socket) => socket.sent.filter(({ type }) => type === "pages").map(({ paths }) => paths);
const openStreams = () => page.streams.filter(({ readyState }) => readyState < 3);
const watchedBy = ({ url }) => new URL(url).searchParams.getAll("path");
const requested = () => page.requests.filter(({ path }) => path === "api/pages").map(({ search }) => new URLSearchParams(search).getAll("path"));

async function push(...values) {
  page.sockets.at(-1).push({ type: "page_update", ...numbers(...values) });
  await settled();
}

/** A client on a live socket. */
async function openLive() {
  const koyjabo = await open(KoyJabo);
  page.sockets[0].push(update(4001));
  await settled();
  return koyjabo;
}

/** Watch pages, and return the list of views that the listener receives. */
async function watch(koyjabo, ...paths) {
  const seen = [];
  Object.defineProperty(seen, "end", { value: koyjabo.pages(paths, (pages) => seen.push(pages.map(({ views }) => views))) });
  await listed();
  return seen;
}

/** Wait until the list has been sent. */
async function listed() {
  await settled();
  await pass(1);
}

/** The server shows the views of these pages, and of no others. */
function show(views) {
  page.answer = (path, body, search) => {
    if (path !== "api/pages") return;
    const asked = new URLSearchParams(search).getAll("path").map((name) => [name, views[name] ?? 0]);
    return Response.json(numbers(Object.fromEntries(asked)));
  };
}

test("one list is sent for all listeners, and each receives its own pages", async () => {
  const koyjabo = await openLive(), seen = [];
  for (const paths of [["/a"], ["/b", "/a"], ["/a"]]) koyjabo.pages(paths, (pages) => seen.push(pages.map(({ path, views }) => path + views)));
  await listed();
  assert.deepEqual(lists(page.sockets[0]), [["/a", "/b"]]);
  await push({ "/a": 10, "/b": 20 });
  assert.deepEqual(seen.splice(0), [["/a10"], ["/b20", "/a10"], ["/a10"]]);
  await push({ "/b": 21 }, 2);
  assert.deepEqual(seen, [["/b21", "/a10"]]);
});

test("a listener of pages that are known is called at once", async () => {
  const koyjabo = await openLive();
  await watch(koyjabo, "/a");
  await push({ "/a": 10 });
  assert.deepEqual(await watch(koyjabo, "/a"), [[10]]);
  assert.deepEqual(lists(page.sockets[0]), [["/a"]]);
});

test("older values are dropped, and unchanged ones are not repeated", async () => {
  const seen = await watch(await openLive(), "/a");
  for (const values of [[10, 5], [9, 4], [10, 6], [11, 6], [3, 1, LATER_EPOCH], [12, 99]]) await push({ "/a": values[0] }, ...values.slice(1));
  assert.deepEqual(seen, [[10], [11], [3]]);
});

test("a number that is not shown is null, and 0 is a number", async () => {
  const seen = await watch(await openLive(), "/a", "/b");
  await push({ "/a": null, "/b": 0 });
  assert.deepEqual(seen, [[null, 0]]);
});

test("a listener that has ended receives nothing, and the list becomes shorter", async () => {
  const koyjabo = await openLive(), first = await watch(koyjabo, "/a"), second = await watch(koyjabo, "/b");
  first.end();
  await listed();
  await push({ "/a": 1, "/b": 2 });
  assert.deepEqual([first, second], [[], [[2]]]);
  second.end();
  await listed();
  assert.deepEqual(lists(page.sockets[0]), [["/a"], ["/a", "/b"], ["/b"], []]);
});

test("a new socket receives the list, once", async () => {
  const seen = await watch(await openLive(), "/a");
  await push({ "/a": 10 });
  page.sockets[0].lose();
  await pass(6_000);
  assert.deepEqual(page.sockets.slice(1).map(lists), [[["/a"]]]);
  await push({ "/a": 10 });
  await push({ "/a": 12 }, 2);
  assert.deepEqual(seen, [[10], [12]]);
});

test("a wrong name has no views, is named once, and takes no other page with it", async () => {
  const koyjabo = await openLive(), longest = `/${"\u0995".repeat(56)}`; // 505 characters once it is encoded
  const wrong = ["", "?a=1", "posts/1", undefined, `${longest}\u0995`, 7, "ftp://blog.example/a", "https:/a", "undefined", "/C:/a.html", "https://blog.example/d:/a"];
  const seen = await watch(koyjabo, longest, ...wrong), again = await watch(koyjabo, ...wrong);
  await push({ [longest]: 10 });
  assert.deepEqual([seen, again], [[[10, ...wrong.map(() => null)]], [wrong.map(() => null)]]);
  assert.deepEqual(lists(page.sockets[0]), [[longest]]);
  assert.equal(page.console.filter((line) => line.includes("Write a path like")).length, wrong.length);
});

test("an address names the page of its path", async () => {
  const koyjabo = await openLive(), seen = [];
  const names = ["https://blog.example/a?x=1", "HTTP://blog.example:8080/b#c", "https://blog.example", "https://blog.example?x=/d", "/a?y", "//e", " /a\n"];
  koyjabo.pages(names, (pages) => seen.push(pages));
  await listed();
  assert.deepEqual(lists(page.sockets[0]), [["/a", "/b", "/", "//e"]]);
  await push({ "/a": 1, "/b": 2, "/": 3, "//e": 4 });
  const [pages] = seen;
  assert.deepEqual(pages.map(({ path, views }) => [path, views]), names.map((name, at) => [name, [1, 2, 3, 3, 1, 4, 1][at]]));
});

test("a page has more pages than fit into a message", async () => {
  const paths = Array.from({ length: 250 }, (_, number) => `/${number}`), seen = await watch(await openLive(), ...paths);
  const sent = page.sockets[0].sent.filter(({ type }) => type === "pages");
  assert.deepEqual(sent.flatMap((message) => message.paths), paths);
  assert.deepEqual(sent.map((message) => [message.paths.length, message.adds]), [[100, false], [100, true], [50, true]]);
  await push(Object.fromEntries(paths.map((path, number) => [path, number])));
  assert.deepEqual(seen, [paths.map((_, number) => number)]);
});

test("more than 100 pages are polled at once, and later part by part", async () => {
  const paths = Array.from({ length: 250 }, (_, number) => `/${number}`);
  show(Object.fromEntries(paths.map((path, number) => [path, number])));
  page.sockets.isRefused = page.streams.isRefused = true;
  const seen = await watch(await open(KoyJabo), ...paths);
  await pass(2_000);
  assert.deepEqual(seen, [paths.map((_, number) => number)]);
  page.requests.length = 0;
  await pass(6_000);
  assert.deepEqual([...new Set(requested().map((list) => list[0]))].toSorted(), ["/0", "/100", "/200"]);
  assert.ok(requested().length < 6, "one part at a time");
});

test("what the server refuses is on the console, and a list that it cannot read yet is sent again", async () => {
  await watch(await openLive(), "/a");
  const [socket] = page.sockets, expected = [["/a"]];
  for (const code of ["still_counting", "ledger_unavailable", "rate_limited"]) {
    socket.push({ type: "error", error: "Please try again in a moment.", code });
    await pass(10_000);
    expected.push(["/a"]);
    assert.deepEqual([lists(socket), page.console.at(-1)], [expected, "Connected to KoyJabo Analytics Stream"]);
  }
  socket.push({ type: "error", error: "This server shows none.", code: "page_numbers_off" });
  await pass(30_000);
  assert.deepEqual([lists(socket).length, page.console.at(-1)], [4, "Not shown: This server shows none."]);
});

test("without a socket, a stream has the pages, and other pages replace it", async () => {
  show({ "/a": 10, "/b": 20 });
  page.sockets.isRefused = true;
  const koyjabo = await open(KoyJabo), seen = await watch(koyjabo, "/a");
  await settled();
  openStreams()[0].push(update(4001));
  await settled();
  assert.deepEqual([openStreams().map(watchedBy), seen], [[["/a"]], [[10]]]);
  openStreams()[0].push({ type: "page_update", ...numbers({ "/a": 11 }, 2) });
  await settled();
  assert.deepEqual(seen.at(-1), [11]);
  await watch(koyjabo, "/b");
  await settled();
  assert.deepEqual(openStreams().map(watchedBy), [["/a", "/b"]]);
  const before = requested().length;
  openStreams()[0].push(update(4002, 2));
  await pass(10_000);
  assert.equal(requested().length, before, "what is pushed is not polled");
});

test("without a socket and a stream, the numbers are polled", async () => {
  const views = { "/a": 10 };
  show(views);
  page.sockets.isRefused = page.streams.isRefused = true;
  const seen = await watch(await open(KoyJabo), "/a");
  await pass(2_000);
  views["/a"] = 12;
  await pass(2_000);
  assert.deepEqual(seen, [[10], [12]]);
});

test("a server that shows no numbers is not asked again, and its stream goes on", async () => {
  page.answer = (path) => path === "api/pages" ? refusal(404) : undefined;
  page.sockets.isRefused = true;
  const koyjabo = await open(KoyJabo), seen = await watch(koyjabo, "/a");
  openStreams()[0].push(update(4002, 2));
  await pass(10_000);
  assert.deepEqual([koyjabo.line, openStreams().map(watchedBy), requested().length, seen], ["live", [[]], 1, []]);
});

test("pages that do not fit into a request are requested in parts", async () => {
  const paths = Array.from({ length: 100 }, (_, number) => `/${"%E0%A6%95".repeat(30)}${number}`);
  show(Object.fromEntries(paths.map((path, number) => [path, number])));
  page.sockets.isRefused = true;
  const seen = await watch(await open(KoyJabo), ...paths);
  await pass(2_000);
  openStreams()[0].push(update(4001));
  await pass(4_000);
  assert.deepEqual(seen, [paths.map((_, number) => number)]);
  assert.deepEqual(openStreams().map(watchedBy), [[]], "a stream would have only some of them");
  assert.ok(page.requests.every(({ search = "" }) => search.length < 7_000));
});
