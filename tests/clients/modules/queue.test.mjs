/**
 * The client module's queue and events: waiting entries are sent once and in order, even after refusals. Without
 * IndexedDB, they wait as notes; tests/browser/test_queue.py has what a database and locks are needed for.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, happen, open, page, pass, refusal, sent, settled, START_MS } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-debug.2.js");
const queue = await import("../../../koyjabo/static/counting/koyjabo-queue.3.js");

const DAY_MS = 86_400_000;
let numbers = 0;

const id = (ageMs = 0) => `${(START_MS - ageMs).toString(36)}-${String(++numbers).padStart(6, "0")}`;

function note(entry, path, body, visit, base = BASE) {
  localStorage[`koyjabo.waiting ${entry}`] = JSON.stringify({ id: entry, url: base + path, ...(visit && { visit }), body });
  return entry;
}

/** A waiting visit of this age. */
function visit(ageMs = 0, fields = {}, base = BASE) {
  const visitId = id(ageMs);
  return note(visitId, "api/visitor/register", { visitorId: "ayesha", visitId, ...fields }, undefined, base);
}

function event(of, fields = {}, name = "search") {
  const eventId = id();
  return note(eventId, "api/events", { visitorId: "ayesha", ...fields, events: [{ id: eventId, name, page: "/" }] }, of);
}

const waits = () => Object.keys(localStorage).filter((key) => key.startsWith("koyjabo.waiting")).map((key) => key.split(" ")[1]).sort();
const visits = () => sent("api/visitor/register").map(({ visitId }) => visitId);
const events = () => sent("api/events").flatMap((body) => body.events.map(({ id }) => id));

async function deliver() {
  queue.later(undefined, localStorage);
  await pass(1);
}

test("waiting entries are sent as they were, in the order of time", async () => {
  const first = visit(3_600_000, { page: "/history" });
  const followers = [1, 2, 3, 4, 5].map(() => event(first)), ahead = visit(-DAY_MS);
  await deliver();
  assert.deepEqual([visits(), events(), waits()], [[first, ahead], followers, []]);
  assert.deepEqual(page.requests.map(({ body }) => body.events?.length), [undefined, 5, undefined]);
  const [{ page: path, waitedMs }] = sent("api/visitor/register");
  assert.deepEqual([path, Math.round(waitedMs / 60_000)], ["/history", 60]);
});

test("a visit has waited as long as the page's clock says after the device's clock was set", async (context) => {
  for (const [setByMs, expectedMs] of [[400 * DAY_MS, 5_000], [-DAY_MS, 5_000], [60_000, 65_000]]) {
    visit(5_000);
    const now = context.mock.method(Date, "now", () => START_MS + setByMs);
    await deliver();
    now.mock.restore();
    assert.equal(Math.round(sent("api/visitor/register").at(-1).waitedMs / 1000) * 1000, expectedMs);
  }
});

for (const [name, response] of Object.entries({
  429: () => refusal(429, { "Retry-After": "20" }),
  503: () => refusal(503, { "Retry-After": "20" }),
})) {
  test(`after ${name}, waiting visits are sent again at the right time`, async () => {
    const waiting = [visit(), visit()];
    page.answer = () => { page.answer = undefined; return response(); };
    await deliver();
    assert.deepEqual([page.requests.length, waits()], [1, waiting]);
    await pass(19_000);
    assert.equal(page.requests.length, 1);
    await pass(2_000);
    assert.deepEqual([visits().slice(1), waits()], [waiting, []]);
  });
}

test("a page that is left sends visits before their events", async () => {
  const koyjabo = await open(KoyJabo);
  koyjabo.track("search");
  await pass(2_000);
  page.requests.length = 0;
  const waiting = Array.from({ length: 8 }, () => visit());
  for (const of of waiting.toReversed()) event(of);
  happen("pagehide");
  assert.deepEqual(page.requests.slice(0, 8).map(({ body }) => body.visitId), waiting);
  assert.equal(events().length, 8);
});

test("refused events wait, and hold back no visit", async () => {
  const first = visit(), refused = event(first), second = visit();
  page.answer = (path) => path === "api/events" ? refusal(503, { "Retry-After": "60" }) : undefined;
  await deliver();
  assert.deepEqual([visits(), waits()], [[first, second], [refused]]);
  page.answer = undefined;
  page.requests.length = 0;
  await pass(61_000);
  assert.deepEqual([events(), waits()], [[refused], []]);
});

test("refused visits are dropped with their events, and a line says so", async () => {
  const refused = visit(0, { communityId: "unknown" }), counted = visit();
  event(refused);
  const wrong = event(counted, {}, "Not a name"), right = event(counted);
  page.answer = (path, body) => {
    const isWrong = body.communityId || body.events?.some(({ name }) => name === "Not a name");
    return isWrong ? refusal(400) : undefined;
  };
  await deliver();
  assert.deepEqual([visits(), events(), waits()], [[refused, counted], [wrong, right, wrong, right], []]);
  assert.equal(page.console.filter((line) => line.startsWith("Not counted:")).length, 2);
});

test("a server that is gone keeps no visit to another one waiting", async () => {
  const gone = visit(0, {}, "https://gone.example.com/"), other = visit();
  page.answer = () => { if (page.requests.at(-1).host.startsWith("gone")) throw new TypeError("no network"); };
  await deliver();
  await pass(2_000);
  assert.deepEqual([visits(), waits()], [[gone, gone, other], [gone]]);
});

test("anonymous events are sent apart from others of their session", async () => {
  const of = visit();
  for (const fields of [{}, { anonymous: true }, { anonymous: true }, {}]) event(of, fields);
  await deliver();
  assert.deepEqual(sent("api/events").map(({ anonymous, events }) => [anonymous, events.length]), [[undefined, 1], [true, 2], [undefined, 1]]);
});

test("events are sent again under the same ids", async () => {
  const koyjabo = await open(KoyJabo);
  page.answer = (path) => { if (path === "api/events") throw new TypeError("the response is lost"); };
  koyjabo.track("search");
  await pass(4_000);
  page.answer = undefined;
  happen("online");
  await pass(31_000);
  assert.equal(koyjabo.waiting, 0);
  assert.deepEqual([events().length, new Set(events()).size], [3, 1]);
});

test("events are not sent before the visit of their page", async () => {
  page.answer = (path) => { if (path.endsWith("register")) throw new TypeError("no network"); };
  const koyjabo = await open(KoyJabo);
  koyjabo.track("search");
  await pass(40_000);
  assert.deepEqual(events(), []);
  page.answer = undefined;
  page.requests.length = 0;
  await pass(60_000);
  const paths = page.requests.map(({ path }) => path).filter((path) => path !== "api/stats");
  assert.deepEqual([paths[0], paths.filter((path) => path === "api/events").length], ["api/visitor/register", 1]);
});

test("page views and events end with the choice not to be counted", async () => {
  const koyjabo = await open(KoyJabo);
  KoyJabo.doNotCount();
  history.pushState({}, "", "/a");
  koyjabo.track("search");
  await pass(2_000);
  assert.deepEqual([events(), koyjabo.waiting], [[], 0]);
});

test("wrong events are named, and take no other with them", async () => {
  const koyjabo = await open(KoyJabo);
  const many = Object.fromEntries(Array.from({ length: 11 }, (_, number) => [`p${number}`, 1]));
  const wrong = [[], [""], ["Not a name"], ["Signup"], [7], ["search", { to: {} }], ["search", { "to go": 1 }],
    ["search", many], ["search", "Mirpur"], ["search", { to: NaN }], ["search", {}, 7]];
  for (const words of wrong) koyjabo.track(...words);
  koyjabo.track("search");
  await pass(2_000);
  assert.equal(events().length, 1);
  assert.equal(page.console.filter((line) => line.includes("wrong name or properties")).length, wrong.length);
});

test("events of a prepared page wait until it is shown", async () => {
  const koyjabo = await open(KoyJabo);
  document.prerendering = true;
  koyjabo.track("search");
  await pass(3_000);
  happen("pagehide");
  assert.deepEqual([events(), koyjabo.waiting], [[], 0], "otherwise another page would send it");
  document.prerendering = false;
  happen("prerenderingchange");
  await pass(3_000);
  assert.equal(events().length, 1);
});

for (const [options, expected] of [[{ counts: false }, []], [{ remember: false }, [true]]]) {
  test(`with ${JSON.stringify(options)}, events are ${expected.length ? "anonymous" : "not sent"}`, async () => {
    const koyjabo = await open(KoyJabo, options);
    koyjabo.track("search");
    await pass(2_000);
    assert.deepEqual(sent("api/events").map(({ anonymous }) => anonymous), expected);
  });
}
