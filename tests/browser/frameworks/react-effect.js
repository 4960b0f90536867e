/** The module in an effect of React, which StrictMode starts, stops and starts again. */
import { createElement, StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const root = createRoot(document.querySelector("main"));

function Total({ koyjabo }) {
  const [text, setText] = useState("");
  useEffect(() => {
    const end = koyjabo.subscribe((stats, line) => setText(`${stats?.totalVisits} ${line}`));
    void koyjabo.start();
    return () => {
      end();
      void koyjabo.stop();
    };
  }, [koyjabo]);
  return text;
}

window.show = (koyjabo) => root.render(createElement(StrictMode, null, koyjabo && createElement(Total, { koyjabo })));
