/**
 * Koy Jabo Live for any page on any site: counts the visit, and keeps the stats up to date (docs/client.md). Other
 * sites import this name, which never changes. The parts have the numbers of their contracts (decision 131).
 *
 * @typedef {import("./koyjabo-client.3.js").Stats} Stats
 * @typedef {import("./koyjabo-client.3.js").Last} Last
 * @typedef {import("./koyjabo-client.3.js").Receipt} Receipt
 * @typedef {import("./koyjabo-client.3.js").PageNumber} PageNumber
 * @typedef {import("./koyjabo-client.3.js").PagesListener} PagesListener
 * @typedef {import("./koyjabo-client.3.js").LineState} LineState
 * @typedef {import("./koyjabo-client.3.js").Listener} Listener
 * @typedef {import("./koyjabo-client.3.js").Options} Options
 */

export { isNewer, KoyJabo, Line, serverAt } from "./koyjabo-client.3.js";
