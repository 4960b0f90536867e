/** The server does not deliver a package, so the page must name the server. @returns {string} */
export function origin() {
  throw new TypeError("KoyJabo needs baseUrl");
}
