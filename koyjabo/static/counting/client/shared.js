/** What all copies of this module on a page share, whatever their URLs: the page views, and the console. */

/** Whether a script tag of ours has `data-debug`. */
const isMarked = () => [...(document.scripts ?? [])].some(({ dataset, src, text }) => dataset.debug != null && /koyjabo/i.test(src || text));

/**
 * @typedef {object} Viewed  the last page view
 * @property {string} path
 * @property {Event} [event]  what caused it
 * @property {string} [visitId]  the visit whose first view it is
 *
 * @type {{viewed: Record<string, Viewed>, log(): Console | undefined}}  `viewed` by URL of the server. Without a wish
 *   to see what the client does, `log` returns nothing, so that the console stays silent
 */
export const shared = (/** @type {any} */ (globalThis)[Symbol.for("koyjabo")] ??= { viewed: {}, log: () => (isMarked() ? console : undefined) });
