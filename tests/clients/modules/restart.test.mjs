/** `stop` ends what `start` began, and `start` begins again, also on a page with several clients. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, happen, hide, isListening, load, open, page, pass, sent, settled, update } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-pages.2.js");
await import("../../../koyjabo/static/counting/koyjabo-queue.3.js");
await import("../../../koyjabo/static/counting/koyjabo-stream.2.js");

const isOpen = ({ readyState }) => readyState < 3;
const connections = () => [...page.sockets, ...page.streams].filter(isOpen);
/** The pages of events, which may be sent again under their ids. */
const viewed = () => [...new Map(sent("api/events").flatMap((body) => body.events.map(({ id, page }) => [id, page]))).values()];
const visits = () => [...new Set(sent("api/visitor/register").map(({ visitId }) => visitId))];
const go = (path) => history.pushState({}, "", path);

/** The server sends its stats over the open connection. */
async function push(total) {
  connections()[0].push(update(total, total));
  await settled();
}

/** How long a client runs before it is stopped. */
const MOMENTS = {
  "at once": () => {},
  "after a moment": () => Promise.resolve(),
  "while the visit is sent": async () => { for (let round = 0; round < 6; round++) await Promise.resolve(); },
  "when the visit is counted": settled,
  "when it is live": () => settled().then(() => push(4002)),
  "after a minute": () => pass(60_000),
};

for (const [when, moment] of Object.entries(MOMENTS)) for (const isRefused of [false, true]) {
  test(`a client that was stopped ${when} is live again on a ${isRefused ? "stream" : "socket"}, and counted once`, async () => {
    page.sockets.isRefused = isRefused;
    const koyjabo = new KoyJabo({ baseUrl: BASE });
    koyjabo.start();
    await moment();
    koyjabo.stop();
    assert.deepEqual([koyjabo.line, connections()], ["offline", []]);
    koyjabo.start();
    assert.equal(koyjabo.line, "connecting");
    await settled();
    await push(4005);
    assert.deepEqual([visits().length, koyjabo.isCounted, koyjabo.line, koyjabo.stats.totalVisits], [1, true, "live", 4005]);
    koyjabo.stop();
    await pass(60_000);
    assert.deepEqual([koyjabo.line, connections()], ["offline", []]);
  });
}

test("a stopped client that still waits for a response is offline", async () => {
  const koyjabo = await open(KoyJabo, { counts: false });
  let respond;
  page.answer = () => new Promise((resolve) => (respond = resolve));
  page.sockets[0].lose();
  koyjabo.stop();
  respond(Response.json(update(4001).stats));
  await settled();
  assert.deepEqual([koyjabo.line, connections()], ["offline", []]);
});

test("a client that is started twice counts and connects once", async () => {
  const koyjabo = await open(KoyJabo);
  koyjabo.start();
  await settled();
  hide();
  assert.deepEqual([visits().length, page.sockets.length], [1, 1]);
  assert.equal(page.sockets[0].sent.filter(({ type }) => type === "visible").length, 1);
});

test("a stopped client listens to nothing, and a started one again", async () => {
  const koyjabo = await open(KoyJabo);
  koyjabo.pages(["/a"], () => {});
  await settled();
  await pass(1);
  koyjabo.stop();
  for (const type of ["keydown", "pageshow", "visibilitychange", "pagehide", "online"]) {
    page.requests.length = 0;
    happen(type, { isTrusted: true, persisted: true });
    await settled();
    assert.deepEqual([type, page.requests.filter(({ path }) => path !== "api/visitor/register"), connections()], [type, [], []]);
  }
  assert.ok(!isListening("keydown"));
  page.requests.length = 0;
  koyjabo.pages(["/b"], () => {});
  await pass(2_000);
  assert.deepEqual(page.requests, []);
  koyjabo.start();
  await settled();
  assert.ok(isListening("keydown"));
  assert.deepEqual(page.sockets[1].sent.filter(({ type }) => type === "pages").map(({ paths }) => paths), [["/a", "/b"]]);
});

test("a client that was stopped and started does not count the same view twice", async () => {
  const koyjabo = await open(KoyJabo);
  for (const path of ["/a", "/b"]) {
    koyjabo.stop();
    koyjabo.start();
    await settled();
    go(path);
    koyjabo.stop();
    koyjabo.start();
    await pass(2_000);
  }
  assert.deepEqual(viewed(), ["/a", "/b"]);
});

test("a page with two clients counts each view once, also after one of them has stopped", async () => {
  const first = await open(KoyJabo);
  await open(KoyJabo);
  await open(KoyJabo, { counts: false, pageViews: true });
  go("/a");
  await pass(2_000);
  first.stop();
  go("/b");
  happen("pageshow", { persisted: true });
  await pass(2_000);
  assert.deepEqual([visits().length, viewed()], [1, ["/a", "/b", "/b"]]);
});

test("a second page of the session is one view, however many clients it has", async () => {
  await open(KoyJabo);
  load("/later");
  for (let client = 0; client < 2; client++) await open(KoyJabo);
  await pass(2_000);
  assert.deepEqual([sent("api/visitor/register"), viewed()], [[], ["/later"]]);
});
