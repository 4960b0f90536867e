/** Page views: which pages are views, when they are sent, and how a site turns them off. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { happen, load, open, page, pass, refusal, sent, settled } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-queue.3.js");

const ENTRY = "koyjabo.visit live.example.com";
const go = (path, method = "pushState") => history[method]({}, "", path);
/** The pages of events, which may be sent again under their ids. */
const viewed = () => [...new Map(sent("api/events").flatMap((body) => body.events.map(({ id, page }) => [id, page]))).values()];
const visited = () => [...new Map(sent("api/visitor/register").map(({ visitId, page }) => [visitId, page])).values()];

test("each later page of a session is a page view, and each path that opens without loading", async () => {
  await open(KoyJabo);
  load("/second");
  const koyjabo = await open(KoyJabo);
  for (const path of ["/third", "/third?q=1", "/third#part", "/fourth"]) {
    go(path);
    await pass(1_000);
  }
  location.pathname = "/third";
  happen("popstate");
  await pass(1_000);
  happen("pageshow", { persisted: true });
  await pass(1_000);
  assert.deepEqual(viewed(), ["/second", "/third", "/fourth", "/third", "/third"]);
  koyjabo.stop();
  go("/fifth");
  await pass(1_000);
  assert.equal(viewed().length, 5);
});

for (const [when, options, late, expected] of [
  ["with the option", { pageViews: false }, [], []],
  ["if it counts nothing", { counts: false }, [], []],
  ["if it counts later without them", { counts: false }, [false], []],
  ["if it counts later and had the option", { counts: false, pageViews: false }, [undefined], []],
  ["with `true`, which turns them on", { counts: false, pageViews: false }, [false, true], ["/second"]],
  ["if another part of the page wants them", { counts: false }, [true, false], ["/second"]],
]) {
  test(`a client counts ${expected.length ? "" : "no "}page views ${when}`, async () => {
    const koyjabo = await open(KoyJabo, options);
    for (const choice of late) koyjabo.count(choice);
    await settled();
    go("/second");
    await pass(1_000);
    assert.deepEqual(viewed(), expected);
  });
}

test("only the page that began the visit is its first view, also before the server responds", async () => {
  page.answer = () => { throw new TypeError("no network"); };
  Object.assign(document, { referrer: "https://news.example/story" });
  await open(KoyJabo);
  load("/second");
  Object.assign(document, { referrer: "https://example.com/" });
  await open(KoyJabo);
  await pass(60_000);
  assert.deepEqual([visited(), viewed()], [["/"], ["/second"]]);
  assert.deepEqual(sent("api/visitor/register").map(({ referrer }) => referrer), Array(sent("api/visitor/register").length).fill("https://news.example/story"));
  assert.equal(JSON.parse(sessionStorage[ENTRY]).fields, undefined, "they are removed with the response");
});

test("a path that is replaced within half a second is no page, and its view goes to the next path", async () => {
  await open(KoyJabo);
  go("/early", "replaceState"); // the visit has counted this page
  await pass(1_000);
  go("/old");
  await pass(400);
  go("/older", "replaceState");
  await pass(400);
  go("/new", "replaceState");
  await pass(600);
  go("/later", "replaceState");
  await pass(600);
  assert.deepEqual(viewed(), ["/new", "/later"]);
});

test("a page that is left sends the view that waits, and the next page sends what had no response", async () => {
  await open(KoyJabo);
  for (const path of ["/a", "/b"]) go(path); // the first was seen
  happen("pagehide");
  await settled();
  assert.deepEqual(viewed(), ["/a", "/b"]);
  page.answer = () => { throw new TypeError("no network"); };
  go("/c");
  happen("pagehide");
  await settled();
  load("/d");
  await open(KoyJabo);
  await pass(3_000);
  assert.deepEqual(viewed().sort(), ["/c", "/d"]);
});

test("page views wait for their visit, and are dropped with it", async () => {
  page.answer = (path) => path.endsWith("register") ? refusal(400) : undefined;
  const koyjabo = await open(KoyJabo);
  go("/a");
  await pass(3_000);
  assert.deepEqual([viewed(), koyjabo.waiting], [[], 0]);
});

test("a prerendered page reads, stores and sends nothing, and counts in the session as it is when it is shown", async () => {
  document.prerendering = true;
  const koyjabo = new KoyJabo({ baseUrl: "https://live.example.com/", stats: { totalVisits: 1, epoch: "a", revision: 1 } });
  koyjabo.start();
  koyjabo.count();
  koyjabo.track("search");
  await pass(3_000);
  assert.deepEqual([page.requests, Object.keys({ ...localStorage, ...sessionStorage }), koyjabo.visitorId], [[], [], ""]);
  localStorage.visitorId = "ayesha"; // the page before has begun its visit meanwhile
  sessionStorage[ENTRY] = JSON.stringify({ visitorId: "ayesha", visitId: "mj8k2f1x-1", receipt: { ordinal: 7 } });
  document.prerendering = false;
  happen("prerenderingchange");
  await pass(3_000);
  assert.deepEqual([koyjabo.visitorId, visited(), viewed().sort()], ["ayesha", [], ["/", "/"]], "the view and the event");
  koyjabo.stop();
});

test("a fragment that begins with `#/` or `#!/` belongs to the path, and no other one", async () => {
  await open(KoyJabo);
  for (const path of ["/#/a", "/#/a?q=1", "/#!/b?token=1#part", "/app#part", "/app?next=#/c", "/app?next=/d"]) {
    go(path);
    await pass(1_000);
  }
  assert.deepEqual(viewed(), ["/#/a", "/#!/b", "/app", "/app#/c", "/app"]);
});

test("refused page views hold back no visit that waits", async () => {
  const refused = (path) => path === "api/events" ? refusal(429, { "Retry-After": "600" }) : undefined;
  await open(KoyJabo);
  page.answer = refused;
  go("/a");
  await pass(3_000);
  page.answer = (path) => { if (path.endsWith("register")) throw new TypeError("no network"); };
  const koyjabo = await open(KoyJabo, { communityId: "another" });
  assert.equal(koyjabo.waiting, 2);
  page.answer = refused;
  await pass(61_000);
  assert.equal(koyjabo.waiting, 1, "the page view");
});
