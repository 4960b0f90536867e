/**
 * client/origin.js of the classic scripts, whose tag is known only while it is evaluated, and not at all where they are
 * merged into another file or are in the page itself.
 */

import { serverAt } from "./koyjabo-client.3.js";

const OWN = /\/koyjabo-(line|count\.all)\.js/;
const src = [document.currentScript, ...document.scripts].map((script) => /** @type {any} */ (script)?.src).find((address) => OWN.test(address));
/** @type {string | undefined} */
let server; // the first that an element names

/** @param {string | null} [given]  @returns {string} */
export function origin(given) {
  server ??= given ?? undefined;
  const url = given ?? src;
  if (url) return url;
  throw new TypeError("koyjabo-count needs base-url");
}

/**
 * Import a part by its whole address: a script from another origin without `crossorigin` has none to start from. The
 * build of koyjabo-line.js puts this in place of each `import()`.
 * @param {string} name
 */
export const part = async (name) => import(`${new URL(name, src ?? `${serverAt(server)}static/js/`)}`);
