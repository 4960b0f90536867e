/** Keeps a receipt up to date. Without scripts, the browser reloads the public receipt. */

import "../webkit/parts/ages.js";
import { LivePage } from "../webkit/live.js";

const REFRESH_MS = 5_000;

const page = new LivePage();
setInterval(() => page.refresh(), REFRESH_MS);
