/** Turbo: Drive replaces the body for each link, frames and streams replace parts of it. */
import * as Turbo from "@hotwired/turbo";
import { written } from "./html.js";

window.Turbo = Turbo;
const main = document.querySelector("main");
window.show = (attributes) => {
  main.id ||= "main";
  Turbo.renderStreamMessage(`<turbo-stream action="update" target="${main.id}"><template>${written(attributes)}</template></turbo-stream>`);
};
