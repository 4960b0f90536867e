/** The package is not loaded from the server, so the page must specify `baseUrl`. @returns {string} */
export function origin() {
  throw new TypeError("KoyJabo needs baseUrl");
}
