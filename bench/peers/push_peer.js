// Node's two usual ways to push: node push_peer.js PORT socket.io|ws

const http = require("node:http");
const update = require("../load/visitor_update.json");

const [port, kind] = process.argv.slice(2);
const ROOM = "stats";
const BACKLOG = 4096;
const PING_MS = 3_600_000; // so that none falls into a measurement

let lastRevision = 0;

/** A `visitor_update` that is newer than any before. */
function nextUpdate() {
  lastRevision = Math.max(lastRevision + 1, Date.now());
  return { ...update, stats: { ...update.stats, revision: lastRevision } };
}

function socketIo(server) {
  const { Server } = require("socket.io");
  const io = new Server(server, { pingInterval: PING_MS });
  io.on("connection", (socket) => socket.join(ROOM));
  return () => io.to(ROOM).emit("visitor_update", nextUpdate());
}

function ws(server) {
  const { WebSocketServer, WebSocket } = require("ws");
  const sockets = new WebSocketServer({ server });
  return () => {
    const text = JSON.stringify(nextUpdate());
    for (const client of sockets.clients) if (client.readyState === WebSocket.OPEN) client.send(text);
  };
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname !== "/emit") return response.writeHead(404).end();
  const t0 = process.hrtime.bigint();
  for (let left = Number(url.searchParams.get("n")); left > 0; left--) emit();
  response.end(`t0=${t0};`);
});
const emit = { "socket.io": socketIo, ws }[kind](server);
server.listen({ port: Number(port), host: "127.0.0.1", backlog: BACKLOG });
