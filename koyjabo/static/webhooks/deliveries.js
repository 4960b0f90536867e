/** Keeps the deliveries of a webhook up to date, so that the response to a test appears without a reload. */

import { LivePage } from "../webkit/live.js";

const REFRESH_MS = 2_000;

const page = new LivePage(undefined, REFRESH_MS);
setInterval(() => page.refresh(), REFRESH_MS);
