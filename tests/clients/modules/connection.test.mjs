/** The client module's socket: the newest values are shown, and a lost or dead connection comes back. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, happen, hide, open, page, pass, settled, stats, tick, update } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-stream.2.js");

const shown = (koyjabo) => [koyjabo.stats?.totalVisits, koyjabo.line];
const push = async (...values) => {
  page.sockets.at(-1).push(update(...values));
  await settled();
};

test("a socket names its visitor, and not in its address, which proxies log", async () => {
  const { visitorId } = await open(KoyJabo, { counts: false });
  assert.deepEqual(page.sockets[0].sent, [{ type: "visitor", visitorId }]);
  assert.equal(page.sockets[0].url, "wss://live.example.com/");
});

test("older values are dropped", async () => {
  const koyjabo = await open(KoyJabo, { counts: false });
  for (const [total, revision, epoch] of [[4001, 10], [4000, 11], [4001, 9], [7000, 99, "9"]]) await push(total, revision, epoch);
  assert.deepEqual(shown(koyjabo), [4001, "live"]);
  await push(12, 1, "mj8k2f1y");
  assert.deepEqual(shown(koyjabo), [12, "live"]);
  await push(4002, 12);
  await push(13, 2, "mj8k2f1y");
  assert.deepEqual(shown(koyjabo), [13, "live"]);
  const updates = page.events.filter(({ type }) => type === "globalStatsUpdated").map(({ detail }) => detail.totalVisits);
  assert.deepEqual(updates, [4000, 4001, 12, 13]);
});

test("the newest visit and milestones are reported", async () => {
  const koyjabo = await open(KoyJabo, { counts: false }), lasts = [];
  koyjabo.subscribe(() => lasts.push(koyjabo.last?.at));
  const [first, second] = [1, 2].map((second) => ({ at: `2026-11-22T10:00:0${second}Z`, place: null }));
  await push(4999, 1, undefined, { last: first });
  await push(5000, 2, undefined, { last: second, milestone: 5000 });
  await push(4999, 3, undefined, { last: first });
  await push(5001, 4);
  assert.deepEqual(koyjabo.last, second, "an older event has an older visit, others have none");
  assert.deepEqual([...new Set(lasts)], [undefined, first.at, second.at]);
  const milestones = page.events.filter(({ type }) => type === "koyjaboMilestone").map(({ detail }) => detail);
  assert.deepEqual(milestones, [{ milestone: 5000 }]);
});

test("a lost connection is opened less and less often, after a random time", async (context) => {
  page.answer = () => { throw new TypeError("no network"); };
  await open(KoyJabo, { counts: false });
  const waits = [];
  for (const chance of [0, 0, 0, 0, 0.9999]) {
    context.mock.method(Math, "random", () => chance);
    const opened = page.sockets.length;
    page.sockets.at(-1).lose();
    let waitedS = 0;
    for (; page.sockets.length === opened && waitedS < 60; waitedS++) await pass(1000);
    waits.push(waitedS);
  }
  assert.deepEqual(waits, [4, 8, 16, 24, 30]);
});

for (const [what, comeBack] of Object.entries({
  "the network returns": () => happen("online"),
  "the page is shown": () => hide(false),
  "the page leaves the cache": () => happen("pageshow", { persisted: true }),
})) {
  test(`a lost connection reopens when ${what}`, async () => {
    await open(KoyJabo, { counts: false });
    await push(4001, 1);
    if (!what.endsWith("cache")) page.sockets[0].lose();
    await settled();
    assert.equal(page.sockets.length, 1);
    comeBack();
    assert.equal(page.sockets.length, 2);
  });
}

test("a dead connection is noticed within a minute, and a quiet one stays open", async () => {
  const koyjabo = await open(KoyJabo, { counts: false }), [socket] = page.sockets;
  for (let revision = 1; revision < 4; revision++) {
    await push(4001, revision);
    await pass(46_000);
    assert.deepEqual(socket.sent.slice(1), Array(revision).fill({ type: "request_count" }));
  }
  page.answer = () => { throw new TypeError("no network"); };
  assert.equal(page.sockets.length, 1);
  await pass(11_000);
  assert.deepEqual(shown(koyjabo), [4001, "offline"]);
});

test("no updates come after unsubscribing or stopping", async () => {
  const koyjabo = await open(KoyJabo, { counts: false }), seen = [];
  const unsubscribe = koyjabo.subscribe((values) => seen.push(values?.totalVisits));
  await push(4001, 1);
  unsubscribe();
  await push(4002, 2);
  assert.equal(seen.at(-1), 4001);
  koyjabo.stop();
  assert.equal(page.sockets[0].readyState, 3);
  const requests = page.requests.length;
  await pass(60_000);
  assert.deepEqual([page.requests.length, page.sockets.length], [requests, 1]);
});

test("stats older than 30 s are requested again when they are read", async () => {
  const koyjabo = await open(KoyJabo, { counts: false });
  await push(4001, 1);
  const before = page.requests.length;
  tick(20_000);
  assert.equal(koyjabo.stats.totalVisits, 4001);
  assert.equal(page.requests.length, before);
  tick(11_000);
  assert.deepEqual(koyjabo.stats, stats(4001, 1));
  assert.equal(page.requests.length, before + 1);
});

test("a view may ask for polling", async () => {
  const koyjabo = await open(KoyJabo, { counts: false, poll: true });
  await push(4001, 1);
  const before = page.requests.length;
  await pass(4_000);
  assert.equal(page.requests.length, before + 2);
  koyjabo.poll = false;
  await pass(10_000);
  assert.equal(page.requests.length, before + 2);
});

/** Let the server refuse all calls and sockets, and return when the stats are requested, in s. */
async function callsFor(seconds, answer) {
  page.sockets.isRefused = true;
  const calls = [], koyjabo = new KoyJabo({ baseUrl: BASE, counts: false });
  page.answer = (path) => {
    if (path === "api/stats") calls.push(performance.now());
    return answer();
  };
  koyjabo.start();
  await pass(1000 * seconds);
  koyjabo.stop();
  return calls.slice(1).map((at, index) => (at - calls[index]) / 1000);
}

test("a server that fails is asked less and less often, as a lost connection is opened", async () => {
  for (const answer of [() => new Response("", { status: 404 }), () => new Response("", { status: 500 }), () => { throw new TypeError("gone"); }]) {
    const pauses = await callsFor(300, answer);
    for (const [at, leastS] of [4, 8, 16, 24, 24, 24].entries()) assert.ok(pauses[at] >= leastS && pauses[at] < leastS * 1.25 + 4, `${pauses}`);
  }
});

test("a server that says when to ask again is not asked earlier", async () => {
  const [first, second] = await callsFor(300, () => new Response("", { status: 503, headers: { "Retry-After": "60" } }));
  assert.ok(first >= 60 && second >= 60, `${first} ${second}`);
});

test("a portal that says to ask again in a day is asked in 5 minutes", async () => {
  const [first] = await callsFor(400, () => new Response("", { status: 503, headers: { "Retry-After": "86400" } }));
  assert.ok(first >= 300, `${first}`);
});
