/** Runs the code from docs/bridges.md as the worker does: `node worker.mjs <file with the code> <address>`, with the
 * requests as JSON on standard input. Prints the responses as JSON: null if the worker handles the request itself. */

import { readFileSync } from "node:fs";

const [file, address] = process.argv.slice(2);
const cors = { "Access-Control-Allow-Origin": "https://koyjabo.com" };
const make = new Function(`${readFileSync(file, "utf8")}\nreturn askLiveServer;`);
const askLiveServer = make();

const answers = [];
for (const { url, ...init } of JSON.parse(readFileSync(0, "utf8"))) {
  const request = new Request(url, init);
  const live = await askLiveServer(request, new URL(request.url), { LIVE_URL: address }, cors);
  const untouched = request.method === "POST" && !request.bodyUsed;
  answers.push(live && { status: live.status, headers: Object.fromEntries(live.headers), body: await live.text(), untouched });
}
console.log(JSON.stringify(answers));
