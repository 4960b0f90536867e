/** A package is sent by no server, so the page has to name one. @returns {string} */
export function origin() {
  throw new TypeError("KoyJabo needs baseUrl, the origin of your server");
}
