/** Preact, which sets properties. */
import { h, render } from "preact";

const main = document.querySelector("main");
window.show = (properties) => render(properties && h("koyjabo-count", properties), main);
