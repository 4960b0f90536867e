// A page that uses the React package, run under Node. Prints what it shows and receives, one JSON object per line.
// Reads commands in the same format:
// {"do": "show", "name", "component", "props"}, {"do": "hide" | "click" | "clear", "name"}.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [url, folder, cookies] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { JSDOM, CookieJar } = require("jsdom");
const say = (what, more) => process.stdout.write(`${JSON.stringify({ what, ...more })}\n`);

const cookieJar = new CookieJar();
for (const cookie of JSON.parse(cookies)) cookieJar.setCookieSync(cookie, url);
const { window } = new JSDOM("", { url, cookieJar, pretendToBeVisual: true });

const open = new Set();

class WatchedWebSocket extends window.WebSocket {
  constructor(...address) {
    super(...address);
    open.add(this);
    this.addEventListener("close", () => setTimeout(() => open.delete(this))); // after the package has handled it
    say("socket", { url: address[0], protocols: address[1] ?? [] });
    this.addEventListener("message", ({ data }) => say("received", { event: JSON.parse(data) }));
  }
}

const browser = { window, WebSocket: WatchedWebSocket };
for (const name of ["document", "location", "localStorage", "navigator"]) browser[name] = window[name];
for (const name of ["addEventListener", "removeEventListener"]) browser[name] = window[name].bind(window);
for (const [name, value] of Object.entries(browser)) Object.defineProperty(globalThis, name, { value });
for (const kind of ["log", "error"]) console[kind] = (line) => say("console", { kind, line: String(line) });

const { createElement } = require("react");
const { createRoot } = require("react-dom/client");
const built = await import(pathToFileURL(require.resolve("@koyjabo/react")).href);

/** Uses the hook directly. */
function Hook({ communityId, ...options }) {
  const { visitorCount, isConnected, requestCount } = built.useVisitorWebSocket(communityId, options);
  return createElement("button", { onClick: requestCount }, `${visitorCount} ${isConnected}`);
}

/** The example in the README. */
async function refreshed(refreshToken) {
  const headers = { Authorization: `Bearer ${refreshToken}` };
  const answer = await fetch(`${url}/api/auth/refresh`, { method: "POST", headers });
  return (await answer.json()).access_token;
}

const shown = new Map();

const commands = {
  show({ name, component, props: { refresh, ...props } }) {
    const place = document.body.appendChild(document.createElement("div"));
    new window.MutationObserver(() => say("html", { name, html: place.innerHTML })).observe(place, {
      attributes: true, characterData: true, childList: true, subtree: true,
    });
    const root = createRoot(place);
    const refreshToken = refresh && (() => refreshed(refresh));
    const onClose = (code, reason) => say("closed", { name, code, reason });
    root.render(createElement({ Hook, ...built }[component], { ...props, refreshToken, onClose }));
    shown.set(name, { place, root });
  },
  hide: ({ name }) => shown.get(name).root.unmount(),
  clear: async ({ name }) => {
    for (const { place, root } of shown.values()) root.unmount(), place.remove();
    shown.clear();
    for (const socket of open) socket.close(); // if the package did not
    while (open.size) await new Promise((resolve) => setTimeout(resolve, 10));
    window.localStorage.clear();
    say("cleared", { name });
  },
  click: ({ name }) => shown.get(name).place.querySelector("button").click(),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    commands[command.do](command);
  })
  .on("close", () => process.exit());
