// The element as a classic script. `make assets` puts all that it needs into this file; until then it loads the module.
import(/** @type {HTMLScriptElement} */ (document.currentScript).src.replace(".all.js", ".js"));
