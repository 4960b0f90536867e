/**
 * Shared by all copies of this module on a page, from any URL: by URL of a server, the last page view (`path`,
 * the `event` that caused it, its `view` while it waits (views.js), and the `visitId` of a visit's first view); and `lines`, which print what the client does,
 * if that is wanted (koyjabo-debug.2.js).
 *
 * @type {Record<string, any>}
 */
export const shared = (/** @type {any} */ (globalThis).koyjaboShared ??= {});
