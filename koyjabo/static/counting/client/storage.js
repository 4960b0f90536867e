/** The data that the client module keeps in the browser (docs/personal-data.md), or on pages that store nothing, in memory. */

import { shared } from "./shared.js";

const NOTHING = "nothing";
const NOT_COUNTED = "koyjabo.doNotCount";

/** @type {Set<unknown>} */
const warned = new Set(); // of wrong values of `stores`

/** @typedef {Record<string, string | undefined>} Area */

/** Whether this is a page. On a server, where Node's storage warns, frameworks make a client, which then does nothing. */
export const isPage = typeof document === "object";

/**
 * @param {() => any} area  null, undefined or an exception if the browser forbids storage
 * @returns {Area}  the storage, or an object in memory
 */
function available(area) {
  try {
    const kept = isPage && area();
    Object.keys(kept);
    return kept;
  } catch {
    return {};
  }
}

const kept = available(() => localStorage); // has the visitor's choice not to be counted, which every page reads
export let local = kept;
export let session = available(() => sessionStorage);

/** @param {any} stores  the value of an option or attribute: if it is there, this page stores nothing */
export function storeOnly(stores) {
  if (stores == null) return;
  if (stores !== NOTHING && !warned.has(stores) && warned.add(stores)) console.warn(`stores: use ${NOTHING}, not "${stores}"`);
  shared.stores ??= NOTHING;
}

/** Whether this page stores nothing. The first call decides, for all clients, elements and copies of this module. */
export function storesNothing() {
  if (!shared.stores) storeOnly(globalThis.document?.querySelector?.("koyjabo-count[stores]")?.getAttribute("stores"));
  shared.stores ??= "all";
  if (shared.stores !== NOTHING) return false;
  local = shared.local ??= {};
  session = shared.session ??= {};
  return true;
}

/** @param {Area} area  @param {string} key  @param {string} value  @returns {any} whether there was room */
export function keep(area, key, value) {
  try {
    area[key] = value;
    return true;
  } catch {
    // The storage is full.
  }
}

/** @param {string | null | undefined} text  @returns {any} undefined if the text is not JSON */
export function parsed(text) {
  try {
    return JSON.parse(/** @type {string} */ (text)); // "null" for null
  } catch {
    // Another script wrote it.
  }
}

/** Whether a stored id is one: not what programs write by mistake. @param {any} id */
export const isId = (id) => typeof id === "string" && /^(?!(-(?=i))?((undefined|null|none|nil|nan|inf(inity)?|true|false)([-_.:]+(?!$)|$))+$)[\w.:-]{1,128}$/i.test(id);

export const isNotCounted = () => !!kept[NOT_COUNTED];

/** Takes effect on this origin from the next page on. */
export function doNotCount(yes = true) {
  yes ? keep(kept, NOT_COUNTED, "1") : delete kept[NOT_COUNTED];
}
