/** Keeps a receipt up to date. Without scripts, the browser reloads the public receipt. */

import "../webkit/parts/ages.js";
import { LivePage } from "../webkit/live.js";

const REFRESH_MS = 5_000;

// A link to a section opens it.
const linked = document.getElementById(location.hash.slice(1));
if (linked instanceof HTMLDetailsElement) linked.open = true;

const page = new LivePage();
setInterval(() => page.refresh(), REFRESH_MS);
