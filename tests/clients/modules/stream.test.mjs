/** The client module on a stream, where sockets are blocked. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { hide, open, page, pass, settled, stats, update } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-stream.2.js");

const shown = (koyjabo) => [koyjabo.stats?.totalVisits, koyjabo.line];
const openStreams = () => page.streams.filter(({ readyState }) => readyState < 3);

/** The server counts a visit, and sends it to the stream. */
async function count(event = {}) {
  page.total += 1;
  openStreams()[0].push(update(page.total, page.total, undefined, event));
  await settled();
}

async function openOnStream() {
  page.sockets.isRefused = true;
  const koyjabo = await open(KoyJabo);
  await count();
  assert.deepEqual(shown(koyjabo), [page.total, "live"]);
  return koyjabo;
}

/** The policy of the page forbids sockets to this server. */
const forbid = () => dispatchEvent({ type: "securitypolicyviolation", blockedURI: "wss://live.example.com" });

test("a page whose policy forbids sockets is live by a stream, and tries no socket again", async () => {
  const koyjabo = await openOnStream();
  forbid();
  await pass(310_000);
  assert.equal(page.sockets.length, 1);
  await count();
  assert.deepEqual(shown(koyjabo), [page.total, "live"]);
});

test("a hidden page has no stream", async () => {
  const koyjabo = await openOnStream();
  forbid();
  hide();
  assert.deepEqual(openStreams(), []);
  hide(false);
  await settled();
  await count();
  assert.deepEqual([...shown(koyjabo), openStreams().length], [page.total, "live", 1]);
});

test("a stream keeps its visitor active, and a dead stream is replaced", async () => {
  const koyjabo = await openOnStream();
  forbid();
  const isBeat = ({ path }) => path === "api/visitor/heartbeat";
  const beats = page.requests.filter(isBeat).length;
  await pass(62_000);
  assert.equal(page.requests.filter(isBeat).length, beats + 1);
  const [dead] = openStreams();
  page.total += 1; // and the stream does not say so
  while (!openStreams().some((stream) => stream !== dead)) await pass(1_000);
  assert.equal(koyjabo.stats.totalVisits, page.total);
  await count();
  assert.deepEqual([...shown(koyjabo), openStreams().length], [page.total, "live", 1]);
});

test("a socket that never becomes live is replaced, and tried again until it works", async (context) => {
  context.mock.method(Math, "random", () => 0);
  const koyjabo = await open(KoyJabo);
  page.sockets[0].lose();
  await settled();
  assert.deepEqual([shown(koyjabo)[1], page.streams.length], ["polling", 0]);
  await pass(4_000);
  page.sockets[1].lose();
  await settled();
  assert.equal(page.streams.length, 1);
  await count();
  assert.equal(koyjabo.line, "live");
  await pass(8_000);
  page.sockets[2].lose();
  await pass(299_000);
  assert.equal(page.sockets.length, 3, "rarely, while the stream is live");
  await count();
  await pass(1_000);
  assert.equal(page.sockets.length, 4);
  page.sockets[3].push({ type: "visitor_update", stats: stats(5000, 9999) });
  await settled();
  assert.deepEqual([...shown(koyjabo), openStreams().length], [5000, "live", 0]);
});

/** Locks of an origin, for pages that ask whether one is free. */
function lend() {
  const held = new Set();
  navigator.locks = {
    async request(name, options, act) {
      if (held.has(name)) return (act ?? options)(null);
      held.add(name);
      await (act ?? options)({});
      held.delete(name);
    },
  };
}

test("of the pages of an origin, one holds the stream, and gives it to another that polls", async () => {
  lend();
  const first = await openOnStream(), second = await open(KoyJabo, { counts: false });
  await pass(5_000);
  assert.deepEqual([openStreams().length, first.line, second.line], [1, "live", "polling"]);
  await count();
  await pass(2_000);
  assert.deepEqual([first, second].map((koyjabo) => koyjabo.stats.totalVisits), [page.total, page.total]);
  first.stop();
  await pass(3_000);
  await count();
  assert.deepEqual([openStreams().length, second.line], [1, "live"]);
  second.stop();
  delete navigator.locks;
});

test("pages with HTTP/2 share one connection, and have a stream each", async () => {
  lend();
  page.protocol = "h2";
  await openOnStream();
  await open(KoyJabo, { counts: false });
  await pass(1_000);
  assert.equal(openStreams().length, 2);
  page.protocol = "";
  delete navigator.locks;
});

for (const [name, isBusy, expected] of [["silent", false, 0], ["busy", true, 1]]) {
  test(`without locks, a ${name} stream ${expected ? "stays" : "ends for good"} if its page's requests get no response`, async () => {
    page.sockets.isRefused = true;
    const koyjabo = await open(KoyJabo);
    forbid();
    page.answer = () => new Promise(() => {}); // all other connections are taken
    await count();
    await pass(5_000);
    if (isBusy) await count();
    for (let s = 5; s < 50; s += 1) {
      await pass(1_000);
      assert.equal(openStreams().length, s < 9 ? 1 : expected, `after ${s} s`);
    }
    koyjabo.stop();
  });
}
