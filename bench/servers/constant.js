// Serves constant responses with Node's `http`: node constant.js. Reads and ignores request bodies. Setting: PORT.
import { readFileSync } from "node:fs";
import http from "node:http";

const constants = JSON.parse(readFileSync(new URL("constant.json", import.meta.url), "utf8"));
const answers = new Map();
for (const [path, answer] of Object.entries(constants)) {
  const text = JSON.stringify(answer);
  answers.set(path, { text, headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) } });
}

const server = http.createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    const answer = answers.get(request.url);
    if (answer) response.writeHead(200, answer.headers).end(answer.text);
    else response.writeHead(404).end();
  });
});
server.listen(Number(process.env.PORT), "127.0.0.1");
