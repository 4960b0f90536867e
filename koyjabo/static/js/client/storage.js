/** The data that the client module keeps in the browser (docs/personal-data.md). */

const NOT_COUNTED = "koyjabo.doNotCount";

/** @param {string | null | undefined} text  @returns {any} null for a text that is not JSON */
export function parsed(text) {
  try {
    return JSON.parse(/** @type {string} */ (text)); // "null" for null
  } catch {
    return null;
  }
}

/** A storage of the browser; memory if it is not available. */
class Kept {
  #area;
  #memory = new Map();

  /** @param {() => Storage} area  throws if the browser allows none */
  constructor(area) {
    try {
      this.#area = area();
    } catch {
      // memory, then
    }
  }

  /** @param {string} key  @returns {string | null | undefined} */
  get(key) {
    return this.#memory.get(key) ?? this.#area?.getItem(key);
  }

  /** Whether the browser has stored all. */
  get isWhole() {
    return !this.#memory.size;
  }

  /** How many keys begin so. @param {string} start */
  count(start) {
    return Object.keys(this.#area ?? {}).filter((key) => key.startsWith(start)).length;
  }

  /** @param {string} key  @param {string} value  @returns {boolean} whether the browser has stored it */
  set(key, value) {
    this.#memory.set(key, value);
    try {
      /** @type {Storage} */ (this.#area).setItem(key, value);
      return this.#memory.delete(key);
    } catch {
      return false;
    }
  }

  /** @param {string} key */
  drop(key) {
    this.#memory.delete(key);
    this.#area?.removeItem(key);
  }
}

export const local = new Kept(() => localStorage);
export const session = new Kept(() => sessionStorage);

export const isNotCounted = () => !!local.get(NOT_COUNTED);

/** Applies to this origin, from the next page on. */
export function doNotCount(yes = true) {
  yes ? local.set(NOT_COUNTED, "1") : local.drop(NOT_COUNTED);
}
