/**
 * What all copies of this module on a page share, whatever their URLs.
 *
 * @typedef {object} Viewed  the last page view
 * @property {string} path
 * @property {Event} [event]  what caused it
 * @property {string} [visitId]  the visit whose first view it is
 *
 * @type {{viewed: Record<string, Viewed>, lines?: typeof import("../koyjabo-debug.js").lines}}  `viewed` by URL of the
 *   server; `lines` print what the client does, if that is wanted
 */
export const shared = (/** @type {any} */ (globalThis)[Symbol.for("koyjabo")] ??= { viewed: {} });
