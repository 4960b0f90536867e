/** Writes the icons of the pages into one file: `node icons.mjs <folder of icons> <file>`. Each is one path. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Names of Lucide icons; test_design_tokens.py compares them with the templates. */
const NAMES = `
  activity arrow-down arrow-up check chevron-down chevron-left chevron-right circle-alert circle-check clock copy
  download ellipsis filter gauge info key list log-out menu monitor moon pause plus
  scroll-text search sun triangle-alert upload user users x
`.trim().split(/\s+/);

/** Rounds to two decimals. Adds a space where a number would merge with its neighbour. */
function short(text, at, path) {
  const rounded = String(Math.round(Number(text) * 100) / 100).replace(/^(-?)0\./, "$1.");
  const before = /\d/.test(path[at - 1] ?? "") && /^\d/.test(rounded) ? " " : "";
  return before + rounded + (path[at + text.length] === "." && !rounded.includes(".") ? " " : "");
}

/** Makes the first `m` absolute, because the path is appended to another one. Further points after an `m` are lines. */
const absolute = (d) => d.replace(/^m\s*(-?[\d.]+)[\s,]*(-?[\d.]+)(?![\d.])\s*(?=[-\d.])/, "M$1 $2l").replace(/^m/, "M");

const circle = ({ cx, cy, rx, ry }) => `M${cx - rx} ${cy}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0`;

function rect({ x, y, width, height, rx = 0 }) {
  const [across, down] = [width - 2 * rx, height - 2 * rx];
  if (!rx) return `M${x} ${y}h${width}v${height}h${-width}z`;
  return `M${x + rx} ${y}h${across}a${rx} ${rx} 0 0 1 ${rx} ${rx}v${down}a${rx} ${rx} 0 0 1 ${-rx} ${rx}h${-across}a${rx} ${rx} 0 0 1 ${-rx} ${-rx}v${-down}a${rx} ${rx} 0 0 1 ${rx} ${-rx}z`;
}

const SHAPES = {
  path: ({ d }) => absolute(d),
  circle: ({ cx, cy, r }) => circle({ cx, cy, rx: r, ry: r }),
  ellipse: circle,
  rect,
  line: ({ x1, y1, x2, y2 }) => `M${x1} ${y1}L${x2} ${y2}`,
  polyline: ({ points }) => `M${points}`,
  polygon: ({ points }) => `M${points}z`,
};

/** The attributes of an element, with numeric values as numbers. */
function attributes(text) {
  const pairs = [...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]);
  return Object.fromEntries(pairs.map(([name, value]) => [name, /^-?[\d.]+$/.test(value) ? Number(value) : value]));
}

function path(svg) {
  const found = svg.matchAll(new RegExp(`<(${Object.keys(SHAPES).join("|")})\\s([^>]*?)/?>`, "g"));
  const joined = [...found].map(([, shape, text]) => SHAPES[shape](attributes(text))).join("");
  return joined.replace(/-?\d*\.\d+/g, short).replace(/\s*,\s*|\s+/g, " ").replace(/\s*([a-zA-Z])\s*/g, "$1").replace(/ (?=-)/g, "");
}

const [folder, file] = process.argv.slice(2);
const icons = NAMES.map((name) => `<path id="${name}" d="${path(readFileSync(join(folder, `${name}.svg`), "utf8"))}"/>`);
writeFileSync(file, `<svg xmlns="http://www.w3.org/2000/svg">${icons.join("")}</svg>\n`);
