/** React in StrictMode, which mounts everything twice. Version 18 sets attributes of elements, version 19 properties. */
import { createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";

const root = createRoot(document.querySelector("main"));

window.show = (properties) =>
  root.render(createElement(StrictMode, null, properties && createElement("koyjabo-count", properties)));
