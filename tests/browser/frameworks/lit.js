/** Lit with its three kinds of bindings: of attributes, of boolean attributes, and of properties. */
import { html, nothing, render } from "lit";

window.show = (properties) => {
  const { value = nothing, page = nothing, label = nothing, views = false, counts = true } = properties ?? {};
  const element = html`<koyjabo-count value=${value} page=${page} label=${label} ?views=${views} .counts=${counts}></koyjabo-count>`;
  render(properties ? element : nothing, document.querySelector("main"));
};
