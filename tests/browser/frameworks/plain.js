/**
 * Ways to set an attribute of <koyjabo-count>, `early` before its script has loaded, and `late` afterwards. A cell has the
 * `name` of the attribute, its `text`, its `value` as a property, `fixed` attributes, and the `url` of a framework.
 */
const propertyOf = (name) => name.replace("-u", "U");
const put = (part, attributes) => {
  const element = document.createElement("koyjabo-count");
  for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, text);
  return part.appendChild(element);
};
const whole = ({ fixed, name, text }) => ({ ...fixed, [name]: text });
const early = (part, cell) => put(part, whole(cell));
const setLate = (set) => (part, cell) => {
  const element = put(document.createElement("div"), cell.fixed);
  if (cell.name !== "counts") part.append(element); // it would count at once
  set(element, cell);
  part.append(element);
};
const ways = {
  "attribute before": { early },
  "attribute after": { late: setLate((element, { name, text }) => element.setAttribute(name, text)) },
  "property before": { early: (part, cell) => (put(part, cell.fixed)[propertyOf(cell.name)] = cell.value) },
  "property after": { late: setLate((element, { name, value }) => (element[propertyOf(name)] = value)) },
  undefined: { early, late: ({ lastChild }, { name }) => (lastChild[propertyOf(name)] = undefined) },
  removed: { early, late: ({ lastChild }, { name }) => lastChild.removeAttribute(name) },
  capitals: { early: (part, { fixed, name, text }) => put(part, { ...fixed, [name.toUpperCase()]: text }) },
  moved: { early, late: (part) => part.appendChild(document.createElement("div")).append(part.firstChild) },
  shadow: { late: (part, cell) => put(part.attachShadow({ mode: "open" }), whole(cell)) },
  cloned: { late: (part, cell) => put(part, whole(cell)).replaceWith(part.lastChild.cloneNode(true)) },
  twice: { early: (part, cell) => [early(part, cell), early(part, cell)] },
};
const shows = {};

async function framework(main, { id, url, fixed, name, value }) {
  await import(url); // it shows its element in the first <main>
  shows[id] = (changed) => window.show({ ...fixed, [name]: changed });
  await shows[id](value);
}

/** Add the element of a cell. */
window.put = (when, cell) => {
  if (cell.url && when === "early") return;
  const part = document.getElementById(cell.id) ?? document.createElement(cell.url ? "main" : "section");
  if (!part.id) document.body.prepend(Object.assign(part, { id: cell.id }));
  return cell.url ? framework(part, cell) : ways[cell.way][when]?.(part, cell);
};

/** Change the value of a cell's elements. */
window.change = ({ id, name }, value) => {
  if (shows[id]) return shows[id](value);
  const part = document.getElementById(id);
  for (const element of (part.shadowRoot ?? part).querySelectorAll("koyjabo-count")) element[propertyOf(name)] = value;
};
