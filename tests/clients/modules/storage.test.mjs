/** The client module in a browser that forbids storage. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { open, page, pass, sent } from "./page.mjs";

for (const area of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(globalThis, area, { get() { throw new DOMException("blocked", "SecurityError"); } });
}
const { KoyJabo } = await import("../../../koyjabo/static/counting/koyjabo.js");
await import("../../../koyjabo/static/counting/koyjabo-queue.3.js");

test("a page without storage is one visit for as long as it is open, and sends it again", async () => {
  let failures = 1;
  page.answer = (path) => { if (path.endsWith("register") && failures-- > 0) throw new TypeError("no network"); };
  const koyjabo = await open(KoyJabo);
  await pass(40_000);
  const ids = sent("api/visitor/register").map(({ visitId }) => visitId);
  assert.deepEqual([new Set(ids).size, koyjabo.isCounted, koyjabo.waiting], [1, true, 0]);
});
