/** Preact, which sets properties. */
import { h, render } from "preact";

window.show = (properties) => render(properties && h("koyjabo-count", properties), document.querySelector("main"));
