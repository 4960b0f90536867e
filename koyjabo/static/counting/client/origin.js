/** The address of a server: the one that is given, or the one this module was loaded from. The npm package and classic
 * scripts replace this module. @param {string | null} [given] */
export const origin = (given) => given ?? import.meta.url;
