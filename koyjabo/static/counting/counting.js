/** The "Do not count this browser" switch. */

import { KoyJabo } from "./koyjabo.js";
import { find } from "../webkit/page.js";

const part = find("[data-counting]");
const box = /** @type {HTMLInputElement} */ (part.querySelector("input"));
box.checked = KoyJabo.isNotCounted;
box.addEventListener("change", () => KoyJabo.doNotCount(box.checked));
part.hidden = false;
