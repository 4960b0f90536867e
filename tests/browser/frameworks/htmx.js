/** htmx, which morphs the attributes of elements into the server's. */
import htmx from "htmx.org";
import { written } from "./html.js";

const main = document.querySelector("main");
window.show = (attributes) =>
  htmx.ajax("GET", `/part?${encodeURIComponent(written(attributes))}`, { target: main, swap: "innerMorph" });
