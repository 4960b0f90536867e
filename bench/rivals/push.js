// Servers that push from Node: node push.js ws|socket.io|uws. GET /emit?n=K sends K updates. Setting: PORT.

const http = require("node:http");
const update = require("../load/visitor_update.json");

const HOUR_MS = 3_600_000;
const HOST = "127.0.0.1";
const port = Number(process.env.PORT);

/** Sends updates with `send`, and returns the response for the clients. */
function emit(times, send) {
  const t0 = process.hrtime.bigint();
  for (let left = times; left > 0; left--) send({ ...update, stats: { ...update.stats, revision: Date.now() } });
  return `t0=${t0};`;
}

/** Node's HTTP server. `attach` returns the function that sends an update. */
function serve(attach) {
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    response.end(url.pathname === "/emit" ? emit(Number(url.searchParams.get("n")), send) : "");
  });
  const send = attach(server);
  server.listen(port, HOST);
}

function ws(server) {
  const { WebSocketServer } = require("ws");
  const { clients } = new WebSocketServer({ server });
  return (update) => {
    const text = JSON.stringify(update);
    for (const client of clients) client.send(text);
  };
}

function socketIo(server) {
  const { Server } = require("socket.io");
  const io = new Server(server, { pingInterval: HOUR_MS });
  io.on("connection", (socket) => socket.join("stats"));
  return (update) => io.to("stats").emit("visitor_update", update);
}

function serveUws() {
  const app = require("./uws.js").App();
  const send = (update) => app.publish("stats", JSON.stringify(update));
  app.ws("/", { idleTimeout: 0, open: (socket) => socket.subscribe("stats") });
  app.get("/emit", (response, request) => response.end(emit(Number(request.getQuery("n")), send)));
  app.any("/*", (response) => response.end());
  app.listen(HOST, port, () => {});
}

({ ws: () => serve(ws), "socket.io": () => serve(socketIo), uws: serveUws })[process.argv[2]]();
