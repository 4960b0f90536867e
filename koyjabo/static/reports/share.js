/** On pages of a share link: its line pushes the numbers of the view. */

import { Line } from "../counting/koyjabo.js";
import { follow, lose, take } from "./insights.js";

const line = new Line(new URL(document.querySelector("[data-line-url]")?.getAttribute("data-line-url") ?? "", location.href), {
  hear: (event) => event.type === "view_update" && take(event),
  opened: (socket) => follow((text) => socket.readyState === WebSocket.OPEN && socket.send(text)),
  lost: lose,
  ended: lose,
});
line.start();
