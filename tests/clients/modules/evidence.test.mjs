/** What the client module reports about a visit: whether its page is shown, the first input, and heartbeats. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { happen, hide, isListening, load, open, page, pass, sent, settled, stats } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-stream.2.js");
await import("../../../koyjabo/static/counting/koyjabo-queue.3.js");

const reports = (socket = page.sockets.at(-1)) => socket.sent.filter(({ type }) => type === "visible").map(({ type, ...fields }) => fields);
const input = (isTrusted = true) => happen("pointermove", { isTrusted });

test("a page reports when it is hidden and shown, and names its visit first", async () => {
  await open(KoyJabo);
  const [{ visitorId, visitId }] = sent("api/visitor/register");
  assert.deepEqual(page.sockets[0].sent, [{ type: "visitor", visitorId, visitId }], "a visible page has nothing to report");
  hide();
  hide(false);
  assert.deepEqual(reports(), [{ visible: false }, { visible: true }]);
});

test("the first real input is reported once, and listened for no longer", async () => {
  await open(KoyJabo);
  for (const name of ["keydown", "pointermove", "touchstart", "wheel"]) {
    assert.ok(isListening(name));
    happen(name, { isTrusted: false });
  }
  input();
  input();
  assert.deepEqual(reports(), [{ visible: true, acted: true }]);
  assert.ok(!isListening("keydown"));
});

test("input is reported while the visit is sent", async () => {
  let answer;
  page.answer = (path) => path.endsWith("register") ? new Promise((resolve) => (answer = resolve)) : undefined;
  await open(KoyJabo);
  input();
  assert.deepEqual(page.sockets[0].sent, [{ type: "visible", visible: true, acted: true }]);
  answer(Response.json({ visit: { ordinal: 4001, today: 1, share: "" }, stats: stats(4001) }));
  await settled();
  assert.deepEqual(page.sockets[0].sent.map(({ type }) => type), ["visible", "visitor"]);
});

test("input without a socket is reported on the next one", async () => {
  await open(KoyJabo);
  page.sockets[0].lose();
  input();
  assert.deepEqual(reports(page.sockets[0]), []);
  await pass(6_000);
  assert.deepEqual(reports(page.sockets[1]), [{ visible: true, acted: true }]);
});

test("a page that opens in the background reports it at once", async () => {
  document.hidden = true;
  await open(KoyJabo);
  assert.deepEqual(page.sockets[0].sent[0], { type: "visible", visible: false });
});

test("a page that is left reports that it is hidden", async () => {
  await open(KoyJabo);
  happen("pagehide", { persisted: true });
  assert.deepEqual(reports(), [{ visible: false }]);
});

test("a page from the cache names its visit again, because its socket was closed", async () => {
  await open(KoyJabo);
  happen("pageshow", { persisted: true });
  await settled();
  assert.equal(page.sockets.length, 2);
  assert.deepEqual(page.sockets[0].sent, page.sockets[1].sent);
});

test("a page that does not count reports only whether it is shown", async () => {
  await open(KoyJabo, { counts: false });
  assert.ok(!isListening("pointermove"));
  hide();
  assert.deepEqual(page.sockets[0].sent.map(Object.keys), [["type", "visitorId"], ["type", "visible"]]);
  assert.deepEqual(sent("api/visitor/heartbeat"), []);
});

test("visits of two tabs have two ids", async () => {
  await open(KoyJabo);
  const [first] = sent("api/visitor/register");
  load();
  for (const key of Object.keys(sessionStorage)) delete sessionStorage[key];
  await open(KoyJabo);
  const [second] = sent("api/visitor/register");
  assert.equal(first.visitorId, second.visitorId);
  assert.notEqual(first.visitId, second.visitId);
});

test("a browser that no program drives says nothing about it", async () => {
  navigator.webdriver = false;
  await open(KoyJabo);
  navigator.webdriver = true;
  assert.ok(!("webdriver" in sent("api/visitor/register")[0]));
});

test("a page on a stream sends heartbeats at each change and every 50 s", async () => {
  page.sockets.isRefused = true;
  await open(KoyJabo);
  dispatchEvent({ type: "securitypolicyviolation", blockedURI: "wss://live.example.com" });
  page.streams[0].push({ type: "visitor_update", stats: stats(4001) });
  const [{ visitorId, visitId }] = sent("api/visitor/register"), expected = [{ visible: true }];
  const beats = () => sent("api/visitor/heartbeat");
  const check = () => assert.deepEqual(beats(), expected.map((beat) => ({ visitorId, visitId, ...beat })));
  check();
  await pass(49_000);
  check();
  await pass(1_000);
  expected.push({});
  check();
  input();
  expected.push({ visible: true, acted: true });
  check();
  hide();
  expected.push({ visible: false });
  await pass(200_000);
  check();
  hide(false);
  expected.push({ visible: true });
  check();
  happen("pagehide");
  expected.push({ visible: false });
  check();
});

test("a page that does not listen sends heartbeats, and none after it stopped", async () => {
  const koyjabo = await open(KoyJabo, { listens: false });
  input();
  assert.deepEqual(sent("api/visitor/heartbeat").map(({ acted }) => acted), [undefined, true]);
  koyjabo.stop();
  hide();
  await pass(60_000);
  assert.deepEqual([sent("api/visitor/heartbeat").length, page.sockets.length], [2, 0]);
});
