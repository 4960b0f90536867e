/** Lit with its three kinds of bindings: of attributes, of boolean attributes, and of properties. */
import { html, nothing, render } from "lit";

const main = document.querySelector("main");
window.show = (properties) => {
  const { lang = nothing, value = nothing, page = nothing, label = nothing, community = nothing } = properties ?? {};
  const { "base-url": url = nothing, views = true, counts = true, share = false, stores = nothing } = properties ?? {};
  const element = html`<koyjabo-count lang=${lang} value=${value} page=${page} label=${label} community=${community}
    base-url=${url} .views=${views} .counts=${counts} ?share=${share} stores=${stores}></koyjabo-count>`;
  render(properties ? element : nothing, main);
};
