/** Keeps the page up to date. Without scripts, the browser loads it again. */

import { LivePage } from "../webkit/live.js";

const REFRESH_MS = 5_000;

const page = new LivePage();
setInterval(() => page.refresh(), REFRESH_MS);
