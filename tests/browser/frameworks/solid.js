/** Solid without its compiler. It sets properties of elements with a dash in their names. */
import { createSignal } from "solid-js";
import h from "solid-js/h";
import { render } from "solid-js/web";

const main = document.querySelector("main");
const [shown, show] = createSignal();
window.show = (properties) => {
  const isFirst = !shown();
  show(properties);
  if (isFirst) render(h("koyjabo-count", Object.fromEntries(Object.keys(properties).map((name) => [name, () => shown()[name]]))), main);
};
