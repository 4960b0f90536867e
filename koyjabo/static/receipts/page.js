/** Keeps a receipt up to date with each push. Without scripts, the browser reloads the public receipt. */

import "../webkit/parts/ages.js";
import { KoyJabo } from "../counting/koyjabo.js";
import { LivePage } from "../webkit/live.js";

const REFRESH_MS = 5_000, REST_MS = 1_000;

// A link to a section opens it.
const linked = document.getElementById(location.hash.slice(1));
if (linked instanceof HTMLDetailsElement) linked.open = true;

const page = new LivePage(undefined, REST_MS);
setInterval(() => page.refresh(), REFRESH_MS); // recounts and backups
addEventListener("globalStatsUpdated", () => page.refresh());
void new KoyJabo({ counts: false }).start();
