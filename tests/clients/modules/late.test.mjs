/** A client made with `counts: false` that counts later, and what is no visitor's id. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { load, open, page, pass, sent, settled, update } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-queue.3.js");
await import("../../../koyjabo/static/counting/koyjabo-stream.2.js");

const viewed = () => sent("api/events").flatMap((body) => body.events.map(({ page }) => page));
const go = (path) => history.pushState({}, "", path);

test("a client that only showed numbers counts the page it is on, once, and names its visit", async () => {
  const koyjabo = await open(KoyJabo, { counts: false });
  page.sockets[0].push(update(4000));
  go("/agreed");
  for (let time = 0; time < 3; time++) koyjabo.count();
  await settled();
  const [{ visitorId, visitId, page: path }, another] = sent("api/visitor/register");
  assert.deepEqual([path, another, koyjabo.isCounted, localStorage.visitorId], ["/agreed", undefined, true, visitorId]);
  assert.equal(koyjabo.visitorId, visitorId);
  assert.deepEqual(page.sockets.filter(({ readyState }) => readyState === 1).map((socket) => socket.sent), [[{ type: "visitor", visitorId, visitId }]]);
  page.sockets[1].push(update(4001, 2));
  await settled();
  assert.equal(koyjabo.line, "live");
});

test("a client that counts later on a stream sends heartbeats", async () => {
  page.sockets.isRefused = true;
  const koyjabo = await open(KoyJabo, { counts: false });
  page.streams[0].push(update(4000));
  koyjabo.count();
  await pass(60_000);
  const [{ visitorId, visitId }] = sent("api/visitor/register");
  assert.deepEqual(sent("api/visitor/heartbeat").at(-1), { visitorId, visitId });
});

test("a client counts when it is started, if it was asked before", async () => {
  const koyjabo = new KoyJabo({ baseUrl: "https://live.example.com/", counts: false });
  koyjabo.count();
  await settled();
  assert.deepEqual(page.requests, []);
  koyjabo.start();
  await settled();
  assert.deepEqual([sent("api/visitor/register").length, page.sockets.length], [1, 1]);
  koyjabo.stop();
});

test("page views that are counted later begin with the current page", async () => {
  const koyjabo = await open(KoyJabo, { pageViews: false });
  go("/before");
  koyjabo.count(true);
  await settled();
  go("/after");
  await pass(2_000);
  assert.deepEqual(viewed(), ["/before", "/after"]);
  load("/second");
  const later = await open(KoyJabo, { pageViews: false });
  later.count(true);
  await pass(2_000);
  assert.deepEqual([sent("api/visitor/register"), viewed()], [[], ["/second"]]);
});

test("a browser that is not counted is not counted later", async () => {
  KoyJabo.doNotCount();
  const koyjabo = await open(KoyJabo, { counts: false });
  koyjabo.count(true);
  go("/a");
  await pass(2_000);
  assert.deepEqual([sent("api/visitor/register"), viewed(), localStorage.visitorId], [[], [], undefined]);
});

for (const wrong of ["undefined", "null", "NaN", "[object Object]", "[object Undefined]", "", " ", " null", '"undefined"', "true", "False", "a b", "None", "nil", "INFINITY", "-inf", "null-undefined", "nan.Null:none_-infinity", "x".repeat(129)]) {
  test(`${JSON.stringify(wrong.slice(0, 20))} is no visitor's id`, async () => {
    localStorage.visitorId = wrong;
    sessionStorage.visitorId = wrong;
    sessionStorage["koyjabo.visit live.example.com"] = JSON.stringify({ visitorId: wrong, visitId: wrong, receipt: null });
    const { visitorId } = await open(KoyJabo), [body] = sent("api/visitor/register");
    assert.deepEqual([body.visitorId, localStorage.visitorId], [visitorId, visitorId]);
    assert.match(`${visitorId} ${body.visitId}`, /^visitor_\d+_\w+ \w+-\w+$/);
  });
}

for (const right of ["17", "0", "42", "-1.5", "undefined1", "nullable", "visitor_undefined", "null-4", "info", "-null"]) {
  test(`${right} stays a visitor's id`, async () => {
    localStorage.visitorId = right;
    assert.equal((await open(KoyJabo)).visitorId, right);
  });
}

test("a visit that JavaScript stored by mistake is a new one", async () => {
  localStorage.visitorId = "ayesha";
  sessionStorage["koyjabo.visit live.example.com"] = JSON.stringify({ visitorId: "ayesha", visitId: "undefined", receipt: null });
  await open(KoyJabo);
  assert.match(sent("api/visitor/register")[0].visitId, /^\w+-\w+$/);
});

test("the console stays silent unless debugging is on", async () => {
  page.answer = (path) => path.endsWith("register") ? Response.json({ error: "No." }, { status: 429 }) : undefined;
  const koyjabo = await open(KoyJabo);
  koyjabo.pages(["/a"], () => {});
  await pass(2_000);
  page.sockets[0].push({ type: "error", error: "Not here.", code: "page_numbers_off" });
  page.answer = () => { throw new TypeError("no network"); };
  koyjabo.track("search");
  page.sockets[0].lose();
  await pass(40_000);
  page.answer = () => Response.json({ error: "No." }, { status: 400 });
  await pass(40_000);
  assert.deepEqual(page.console, []);
});
