// A page's Socket.IO client under Node. Prints each event as a line of JSON.
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
socket.on("connect", () => say("connected"));
socket.on("disconnect", (reason) => say("disconnected", { reason }));
socket.onAny((name, event) => say("received", { name, event }));

io(`${url}/random`, { reconnection: false }).on("connect_error", (error) => say("refused", { message: error.message }));

createInterface({ input: process.stdin })
  .on("line", (name) => socket.emit(name, (answer) => say("acknowledged", { name, answer })))
  .on("close", () => process.exit());
