/** Prints the recovery codes. Without scripts, they can still be downloaded. */

import { find } from "../webkit/page.js";

const print = find("[data-print]");
print.hidden = false;
print.addEventListener("click", () => globalThis.print());
