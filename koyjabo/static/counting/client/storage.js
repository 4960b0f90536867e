/** The data that the client module keeps in the browser (docs/personal-data.md). */

const NOT_COUNTED = "koyjabo.doNotCount";

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

export const local = available(() => localStorage);
export const session = available(() => sessionStorage);

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

export const isNotCounted = () => !!local[NOT_COUNTED];

/** Takes effect on this origin from the next page on. */
export function doNotCount(yes = true) {
  yes ? keep(local, NOT_COUNTED, "1") : delete local[NOT_COUNTED];
}
