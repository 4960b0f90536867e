// A program that uses a library of npm, or Node's own fetch. It prints each total that it receives as a line of JSON.
// Arguments: the server's URL, the folder with node_modules, the library, and "polling" or nothing.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [url, folder, library, mode] = process.argv.slice(2);
const load = (name) => createRequire(`${folder}/`)(name);
const [name, version] = library.split(" ");
const RETRY_MS = 200;
const visit = { visitorId: `${library.replace(/ /g, "-")}-${process.hrtime.bigint()}`, visitId: "1" };
const say = (what, fields) => console.log(JSON.stringify({ what, ...fields }));
const show = ({ stats }) => stats && say("shown", { total: stats.totalVisits });

function open(WebSocket) {
  const socket = new WebSocket(url.replace("http:", "ws:"));
  socket.addEventListener("message", ({ data }) => show(JSON.parse(data)));
  socket.addEventListener("error", () => {});
  socket.addEventListener("close", () => setTimeout(open, RETRY_MS, WebSocket));
}

let etag, total;
async function visitAndRead() {
  try {
    const body = JSON.stringify(visit), headers = { "Content-Type": "application/json" };
    await fetch(`${url}/api/visitor/register`, { method: "POST", headers, body });
    const response = await fetch(`${url}/api/stats`, { headers: mode && etag ? { "If-None-Match": etag } : {} });
    if (response.status !== 304) total = (await response.json()).totalVisits;
    etag = response.headers.get("etag") ?? etag;
    say("shown", { total });
  } catch (error) {
    say("failed", { error: String(error) });
    setTimeout(visitAndRead, RETRY_MS);
  }
}

const LIBRARIES = {
  fetch: visitAndRead,
  ws: () => open(load("ws")),
  undici: () => open(load("undici").WebSocket),
  eventsource: () => (new (load("eventsource").EventSource)(`${url}/api/stream`).onmessage = ({ data }) => show(JSON.parse(data))),
  "socket.io-client": () => {
    const module = load(name + version);
    (module.io ?? module)(url, mode ? { transports: ["polling"] } : {}).on("visitor_update", show);
  },
};
LIBRARIES[name]();
createInterface({ input: process.stdin }).on("line", () => name === "fetch" && visitAndRead()).on("close", () => process.exit());
