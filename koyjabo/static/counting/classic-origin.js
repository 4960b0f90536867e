/** client/origin.js of the classic script, whose tag is known only while it is evaluated. */

const own = /** @type {HTMLScriptElement | null} */ (document.currentScript ?? document.querySelector('script[src*="/koyjabo-count.all.js"]'));
const src = own?.src; // empty if the script is in the page itself

export function origin() {
  if (!src) throw new TypeError("koyjabo-count needs base-url");
  return src;
}
