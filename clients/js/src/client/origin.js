/** The package is not loaded from the server, so the page must specify `baseUrl`. @param {string | null} [given]  @returns {string} */
export function origin(given) {
  if (given == null) throw new TypeError("KoyJabo needs baseUrl");
  return given;
}
