/** Runs the lines of docs/bridges.md as the worker does: `node worker.mjs <file with these lines> <address>`, with requests as JSON
 * on standard input. Writes the answers: null where the worker goes on by itself. */

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
