/** The client module on a server, as frameworks render it: it does nothing, touches no storage, and nothing warns. */

import assert from "node:assert/strict";
import { test } from "node:test";

const touched = [];
for (const name of ["localStorage", "sessionStorage", "fetch", "WebSocket", "EventSource"]) {
  Object.defineProperty(globalThis, name, { get: () => touched.push(name), configurable: true });
}
process.on("warning", ({ message }) => touched.push(message));
const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
const stats = { totalVisits: 4002, epoch: "mj8k2f1x", revision: 1 };

test("a client on a server does nothing and throws nothing", async () => {
  const koyjabo = new KoyJabo({ baseUrl: "https://live.example.com", stats }), shown = [];
  const ends = [koyjabo.subscribe((...values) => shown.push(values)), koyjabo.pages(["/a"], () => shown.push("pages"))];
  await koyjabo.start();
  koyjabo.count(true);
  await koyjabo.track("search", { to: "Mirpur 10" });
  assert.equal(await koyjabo.refresh(), false);
  const { line, visit, isCounted, waiting, visitorId } = koyjabo;
  assert.deepEqual({ line, visit, isCounted, waiting, visitorId }, { line: "connecting", visit: null, isCounted: false, waiting: 0, visitorId: "" });
  assert.deepEqual([koyjabo.stats, KoyJabo.isNotCounted, shown], [stats, false, [[stats, "connecting"]]]);
  ends.forEach((end) => end());
  await koyjabo.stop();
  await new Promise(setImmediate);
  assert.deepEqual(touched, []);
});
