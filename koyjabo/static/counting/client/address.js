/** What leaves the browser of a page's address: its path, and the five parameters of a campaign. */

/** @param {string} address */
export const withoutQuery = (address) => address.replace(/[?#].*/s, "");

/** An address without query and fragment. A route, a fragment that begins with `#/` or `#!/`, belongs to the path. @param {string} address */
export const pathOf = (address) => withoutQuery(address) + (/^[^#]*(#!?\/[^?#]*)/.exec(address)?.[1] ?? "");

/** The path of this page. `data:`, `blob:` and `about:` have no host, but contents in place of a path. */
export const ownPath = () => location.host && pathOf(location.pathname + location.hash);

/**
 * A page as it is sent. Mailers escape `_`, escape `&` twice, add a second `?`, and write parameters after `#`. A frame
 * may see the address of the page around it.
 */
export function addressOf(page = ownPath()) {
  const addresses = `${page}#${location.href}#${parent === self ? "" : document.referrer}`;
  const campaign = addresses.match(/[?&#;]utm(_|%5f)(source|medium|campaign|term|content)=[^&#]*/gi) ?? [];
  return pathOf(page) + campaign.map((part, at) => (at ? "&" : "?") + part.slice(1)).join("");
}
