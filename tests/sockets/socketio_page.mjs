// Socket.IO's own client under Node. Prints each event as a line of JSON, and sends the events named on standard input.
// Arguments: the URL, and the folder with node_modules.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [url, folder] = process.argv.slice(2);
const { io } = createRequire(`${folder}/`)("socket.io-client");
const say = (what, more) => console.log(JSON.stringify({ what, ...more }));

const socket = io(url, { reconnectionDelay: 100, reconnectionDelayMax: 300 });
socket.io.on("open", () => {
  socket.io.engine.once("upgrade", (transport) => say("upgraded", { transport: transport.name }));
});
socket.on("disconnect", (reason) => say("disconnected", { reason }));
socket.on("visitor_update", (event) => say("updated", { total: event.stats.totalVisits }));
createInterface({ input: process.stdin })
  .on("line", (name) => socket.emit(name, (answer) => say("acknowledged", answer)))
  .on("close", () => process.exit());
