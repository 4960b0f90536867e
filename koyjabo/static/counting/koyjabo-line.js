// The script of the line that people paste: the element as one classic script with what a first page needs, which `make
// assets` puts here. Other parts are imported when they are needed. Until then it loads the module, after the page.
{
  const { src } = /** @type {HTMLScriptElement} */ (document.currentScript);
  const load = () => import(src.replace("-line.js", "-count.js"));
  document.readyState === "loading" ? addEventListener("DOMContentLoaded", load, { once: true }) : load();
}
