/** Changes of the page's path. */

const MOVED = "koyjaboPath"; // an event where there is no Navigation API

/**
 * Call `look` whenever the page may have changed its path without loading. Its event has the `navigationType` "replace" if
 * the path took the place of another one.
 * @param {(event?: any) => void} look  @param {AbortSignal} [signal]  ends it
 */
export function onPath(look, signal) {
  try {
    const { navigation } = /** @type {any} */ (self);
    if (navigation.currentEntry) return navigation.addEventListener("currententrychange", look, { signal });
  } catch {
    // It is missing or forbidden. An element of the page may have its name.
  }
  for (const name of ["popstate", "hashchange", MOVED]) addEventListener(name, look, { signal });
  const calls = /** @type {any} */ (history);
  for (const name of ["pushState", "replaceState"]) {
    try {
      const original = calls[name];
      if (!original[MOVED]) calls[name] = function (/** @type {unknown[]} */ ...args) {
        const result = original.apply(this, args);
        dispatchEvent(Object.assign(new Event(MOVED), { navigationType: name.slice(0, -5) }));
        return result;
      };
      calls[name][MOVED] = true;
    } catch {
      // The same: changes of its path are not seen.
    }
  }
}
