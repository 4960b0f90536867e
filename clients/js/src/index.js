/** The client module of Koy Jabo Live as a package (README.md). */
export { isNewer, KoyJabo } from "./koyjabo.js";
