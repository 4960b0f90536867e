/** What leaves the browser of a page's address: its path, and the five parameters of a campaign. */

/** @param {string} address */
export const withoutQuery = (address) => address.replace(/[?#].*/s, "");

/**
 * A page as it is sent. Mailers escape `_`, escape `&` twice, add a second `?`, and write parameters after `#`. A frame
 * may see the address of the page around it. `data:`, `blob:` and `about:` have no host, but contents in place of a path.
 */
export function addressOf(page = location.host && location.pathname) {
  const addresses = `${page}#${location.href}#${parent === self ? "" : document.referrer}`;
  const campaign = addresses.match(/[?&#;]utm(_|%5f)(source|medium|campaign|term|content)=[^&#]*/gi) ?? [];
  return withoutQuery(page) + campaign.map((part, at) => (at ? "&" : "?") + part.slice(1)).join("");
}
