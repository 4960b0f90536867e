/** For share link pages, where the connection pushes the view's numbers. */

import { Line } from "../counting/koyjabo.js";
import { follow, take } from "./insights.js";

const FORBIDDEN = 4003; // the link has ended, or the reader has to enter its password again

const line = new Line(new URL(document.querySelector("[data-line-url]")?.getAttribute("data-line-url") ?? "", location.href), {
  hear: (event) => event.type === "view_update" && take(event),
  opened: follow,
  lost() {}, // the connection reopens by itself; until then, the page sends requests
  ended: (code) => code === FORBIDDEN && location.reload(),
});
line.start();
