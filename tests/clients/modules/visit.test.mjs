/** The client module's visit: what it stores, when it is sent, and the stats that the next page shows at first. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { happen, load, open, page, pass, sent, settled, stats, tick, update } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-debug.2.js");
await import("../../../koyjabo/static/counting/koyjabo-queue.3.js");

test("keys of an older client go on", async () => {
  const keys = { visitorIdKey: "their_visitor", sessionKey: "their_session" };
  localStorage.their_visitor = "visitor_of_before";
  const { visitorId } = await open(KoyJabo, keys);
  assert.deepEqual([visitorId, localStorage.visitorId], ["visitor_of_before", undefined]);
  assert.ok(sessionStorage.their_session, "otherwise, the older client counts it as well");
  for (const key of Object.keys(sessionStorage)) delete sessionStorage[key];
  sessionStorage.their_session = "true";
  load();
  const koyjabo = await open(KoyJabo, keys);
  assert.deepEqual([sent("api/visitor/register"), koyjabo.isCounted], [[], true]);
  koyjabo.track("search");
  await pass(2_000);
  const events = sent("api/events").flatMap(({ visitorId, events }) => events.map(({ name }) => [visitorId, name]));
  assert.deepEqual(events, [["visitor_of_before", "pageview"], ["visitor_of_before", "search"]], "the older client counted the first page");
});

test("a page that was only prepared counts when it is opened", async () => {
  document.prerendering = true;
  await open(KoyJabo);
  await pass(60_000);
  assert.deepEqual([page.requests, page.sockets, page.console], [[], [], []]);
  document.prerendering = false;
  happen("prerenderingchange");
  await settled();
  assert.equal(sent("api/visitor/register").length, 1);
});

for (const [ageMs, expected] of [[3_000, 4001], [11_000, undefined]]) {
  test(`stats of ${ageMs} ms ago are ${expected ? "" : "not "}shown at first`, async () => {
    await open(KoyJabo, { counts: false });
    page.sockets[0].push(update(4001));
    await settled();
    const { lastUpdated, ...kept } = JSON.parse(sessionStorage["koyjabo.stats live.example.com"]);
    assert.deepEqual([kept, lastUpdated], [stats(4001), Date.now()]);
    load();
    tick(ageMs);
    page.answer = () => { throw new TypeError("no network"); };
    const koyjabo = await open(KoyJabo, { counts: false });
    assert.equal(koyjabo.stats?.totalVisits, expected);
  });
}

test("a crawler that is not counted asks once", async () => {
  page.answer = (path) => path.endsWith("register") ? Response.json({ visit: null, stats: stats(4001) }) : undefined;
  const koyjabo = await open(KoyJabo);
  await pass(10_000);
  assert.deepEqual([sent("api/visitor/register").length, koyjabo.isCounted, koyjabo.waiting], [1, false, 0]);
});

test("a page that remembers nothing keeps its id in the session", async () => {
  await open(KoyJabo, { remember: false });
  const [body] = sent("api/visitor/register");
  assert.equal(body.anonymous, true);
  assert.equal(page.sockets[0].url, "wss://live.example.com/?anonymous=true");
  assert.equal(page.sockets[0].sent[0].visitorId, body.visitorId);
  assert.deepEqual(Object.keys(localStorage), []);
  load();
  await open(KoyJabo, { remember: false });
  assert.deepEqual(sent("api/visitor/register"), [], "a reload is the same visit");
});

test("a browser that is not counted registers nothing and says so", async () => {
  KoyJabo.doNotCount();
  await open(KoyJabo);
  assert.deepEqual(sent("api/visitor/register"), []);
  assert.deepEqual([Object.keys(localStorage), Object.keys(sessionStorage)], [["koyjabo.doNotCount"], ["koyjabo.stats live.example.com"]]);
  assert.equal(page.console[0], "This browser is not counted (KoyJabo.doNotCount)");
  KoyJabo.doNotCount(false);
  load();
  await open(KoyJabo);
  assert.equal(sent("api/visitor/register").length, 1);
});

test("a page that only shows numbers stores no visitor", async () => {
  await open(KoyJabo, { counts: false });
  assert.deepEqual([Object.keys(localStorage), Object.keys(sessionStorage)], [[], ["koyjabo.stats live.example.com"]]);
});
