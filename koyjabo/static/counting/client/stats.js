/** A server's stats. */

/**
 * @typedef {object} Stats  the object that GET /api/stats returns
 * @property {number} totalVisits
 * @property {number} todayVisits
 * @property {number} activeUsers
 * @property {number} uniqueVisitors
 * @property {Record<string, {count: number}>} locations  active visitors by location
 * @property {string} epoch  in base 36
 * @property {number} revision
 * @property {boolean} [stale]
 *
 * @typedef {{at: string, place: string | null}} Last  the newest visit
 */

/** Whether a response has stats: another program may have responded. @param {any} response */
export const isStats = (response) => response.totalVisits >= 0 && !!response.epoch;

/**
 * Whether `stats` are newer than `shown`, because responses may arrive in any order: the higher epoch decides, then the
 * total, then the revision.
 * @param {Stats} stats
 * @param {Stats | null} shown
 */
export const isNewer = (stats, shown) =>
  !shown ||
  !((parseInt(stats.epoch, 36) - parseInt(shown.epoch, 36) || stats.totalVisits - shown.totalVisits || stats.revision - shown.revision) < 0);
