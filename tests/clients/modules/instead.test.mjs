/**
 * What responds in the server's place: a portal, a firewall, a gateway or a proxy, with any status. Nothing is lost, and
 * numbers stay as they were. tests/matrix/instead.py has all requests and responses, in a browser.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, load, open, page, pass, refusal, sent, START_MS, stats, tick } from "./page.mjs";

const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-debug.2.js");
const queue = await import("../../../koyjabo/static/counting/koyjabo-queue.3.js");

const VISIT = "api/visitor/register", DAY_MS = 86_400_000;
const html = (status = 200) => new Response("<h1>Our Wi-Fi</h1>", { status });
const FOREIGN = {
  "a page": html,
  "JSON": () => Response.json({ success: true, message: "Log in first." }),
  "JSON null": () => Response.json(null),
  "404 of a proxy": () => html(404),
  "JSON without details": () => Response.json({ error: "Forbidden", code: "waf_rule" }, { status: 403 }),
  "a code of another kind": () => Response.json({ error: "No.", code: "E-17", details: {} }, { status: 400 }),
  "details that are a list": () => Response.json({ error: "No.", code: "no", details: [] }, { status: 400 }),
  "413 of a gateway": () => Response.json({ message: "Too large" }, { status: 413 }),
};

let numbers = 0;
const id = () => `${START_MS.toString(36)}-${String(++numbers).padStart(6, "0")}`;
const keyOf = (entry) => `koyjabo.waiting ${entry}`;
const waits = () => Object.keys(localStorage).filter((key) => key.startsWith("koyjabo.waiting")).length;

/** Note an entry that an earlier page could not send: a visit, or an event of one. */
function note(visit, base = BASE) {
  const own = id();
  const body = visit ? { visitorId: "ayesha", events: [{ id: own, name: "search", page: "/" }] } : { visitorId: "ayesha", visitId: own };
  const url = base + (visit ? "api/events" : VISIT);
  localStorage[keyOf(own)] = JSON.stringify({ id: own, url, visit, body });
  return own;
}

function begin() {
  queue.later(undefined, localStorage);
  return pass(1);
}

for (const [name, response] of Object.entries(FOREIGN)) {
  test(`${name} in place of the server's response loses no visit, event or number`, async () => {
    const koyjabo = await open(KoyJabo);
    koyjabo.track("search");
    await pass(2_000);
    const shown = koyjabo.stats.totalVisits;
    load();
    page.sockets.isRefused = page.streams.isRefused = true;
    for (const key of Object.keys(sessionStorage)) delete sessionStorage[key];
    page.answer = response;
    const next = await open(KoyJabo, { stats: stats(shown) });
    next.track("search");
    await pass(20_000);
    assert.deepEqual([next.waiting, next.stats.totalVisits, next.isCounted], [2, shown, false]);
    page.answer = undefined;
    await pass(60_000);
    assert.deepEqual([next.waiting, next.isCounted, next.stats.totalVisits > shown], [0, true, true]);
    assert.equal(new Set(sent(VISIT).map(({ visitId }) => visitId)).size, 1);
  });
}

test("what no server has responded to is tried after 30 s, then ever later up to 5 minutes, in both types in turn", async () => {
  page.answer = (path) => path === VISIT ? html(403) : undefined;
  const startMs = Date.now();
  await open(KoyJabo);
  await pass(1_000_000);
  const times = page.requests.filter(({ path }) => path === VISIT).map(({ atMs, isJson }) => [Math.round((atMs - startMs) / 10_000) * 10, !!isJson]);
  const expected = [[0, false], [0, true], [30, false], [90, true], [210, false], [450, true], [750, false]];
  assert.deepEqual(times.map(([, isJson]) => isJson), expected.map(([, isJson]) => isJson));
  times.forEach(([s], at) => assert.ok(Math.abs(s - expected[at][0]) <= 10, `${times}`));
});

test("the type that the server has responded to is used for a day, also when the page is left", async () => {
  page.answer = () => page.requests.at(-1).isJson || !page.requests.at(-1).body ? undefined : html(403);
  page.sockets.isRefused = true; // so that it sends heartbeats
  const koyjabo = await open(KoyJabo);
  await pass(3_000);
  assert.deepEqual([koyjabo.isCounted, page.requests.filter(({ path }) => path === VISIT).map(({ isJson }) => !!isJson)], [true, [false, true]]);
  koyjabo.track("search");
  await pass(2_000);
  koyjabo.track("search");
  await pass(1);
  koyjabo.stop();
  await pass(1);
  assert.deepEqual(page.requests.filter(({ path }) => path === "api/events").map(({ isJson }) => !!isJson), [true, true]);
  assert.ok(page.requests.some(({ path }) => /heartbeat/.test(path)) && page.requests.every(({ path, isJson }) => isJson || !/heartbeat/.test(path)));
  load();
  tick(DAY_MS);
  for (const key of Object.keys(sessionStorage)) delete sessionStorage[key];
  await open(KoyJabo);
  assert.deepEqual(page.requests.filter(({ path }) => path === VISIT).map(({ isJson }) => !!isJson), [false]);
});

for (const [name, answer] of Object.entries({
  "429": () => html(429),
  "503": () => html(503),
  "an error of the server": () => refusal(500),
  "a refusal of the server": () => refusal(400),
  "a time limit": () => { tick(6_000); throw new TypeError("aborted"); },
  "no network": () => { navigator.onLine = false; throw new TypeError("no network"); },
})) {
  test(`after ${name}, the other type is not tried at once`, async () => {
    page.answer = (path) => path === VISIT ? answer() : undefined;
    await open(KoyJabo);
    await pass(5_000);
    assert.equal(sent(VISIT).length, 1);
    delete navigator.onLine;
  });
}

test("an entry that only other programs respond to holds up nothing but its own visit", async () => {
  const [refused, other] = [note(), note()], [own, others] = [note(refused), note(other)];
  page.answer = (path, body) => body.visitId === refused ? html(403) : undefined;
  await begin();
  await pass(35_000);
  assert.deepEqual(Object.keys(localStorage).filter((key) => key.startsWith("koyjabo.waiting")), [keyOf(refused), keyOf(own)]);
  const another = note(other);
  await begin();
  assert.equal(localStorage[keyOf(another)], undefined, "a later one is sent at once");
  assert.deepEqual(sent("api/events").flatMap(({ events }) => events.map(({ id }) => id)), [others, another]);
  await pass(200_000);
  note(other);
  await begin();
  assert.equal(waits(), 2, "also after it alone was tried");
  page.answer = undefined;
  await pass(300_000);
  assert.equal(waits(), 0);
});

test("events that only other programs respond to are sent one by one, at most once in 5 minutes", async () => {
  const visit = "of-an-earlier-page", events = [1, 2, 3].map(() => note(visit));
  page.answer = (path, body) => body.events.some(({ id }) => id === events[1]) ? html(403) : undefined;
  await begin();
  await pass(10_000);
  assert.deepEqual(Object.keys(localStorage), [keyOf(events[1])]);
  page.answer = (path, body) => html(403);
  const more = [1, 2, 3].map(() => note(visit));
  page.requests.length = 0;
  await begin();
  await pass(100_000);
  const sizes = sent("api/events").map(({ events }) => events.length);
  assert.ok(!sent("api/events").some(({ events: [{ id }], length }) => length === 1 && more.includes(id)), `${sizes}`);
  page.answer = undefined;
  await pass(400_000);
  assert.equal(waits(), 0);
});

test("an entry that only other programs respond to for 7 days, while the server responds to others, is dropped", async () => {
  const silent = "https://silent.example.com/", refused = note(), there = note(undefined, silent);
  page.answer = (path, { visitId }) => [refused, there].includes(visitId) ? html(403) : undefined;
  await begin();
  await pass(5_000);
  for (const [days, left] of [[6, 2], [2, 1]]) {
    tick(days * DAY_MS);
    note();
    await pass(310_000);
    assert.equal(waits(), left);
  }
  assert.ok(localStorage[keyOf(there)], "its server has responded to nothing");
  assert.equal(page.console.filter((line) => line.startsWith("Not counted:")).length, 1);
});
