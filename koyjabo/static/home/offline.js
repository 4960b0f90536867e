/** The page shown in place of one that could not be loaded: says which side is away, and tries again by itself. */

import { connection } from "../webkit/connection.js";
import { find, write } from "../webkit/page.js";

const heading = find("h1"), { ask: isAlive } = connection;
const away = heading.textContent ?? "", offline = find("[data-offline]").dataset.offline ?? "";

const show = () => write(heading, navigator.onLine ? away : offline);

connection.ask = async () => {
  const isBack = await isAlive();
  if (isBack && location.pathname !== "/offline") location.reload();
  return isBack;
};
for (const change of ["online", "offline"]) addEventListener(change, show);
show();
