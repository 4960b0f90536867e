/** Names of locations in the language of the page, from base/network/location_finder.py. */

import { locale } from "./figures.js";
import { offered, readJson } from "./page.js";

const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const CITY = /^(.+), ([A-Z]{2})$/s;

/** Our English names that differ from the browser's. @type {Record<string, string>} */
const ENGLISH = {
  AG: "Antigua and Barbuda", BA: "Bosnia and Herzegovina", BL: "Saint Barthélemy", BQ: "Bonaire, Sint Eustatius, and Saba",
  CD: "DR Congo", CG: "Congo Republic", CI: "Ivory Coast", CV: "Cabo Verde", EU: "Europe", FK: "Falkland Islands", FM: "Federated States of Micronesia",
  GS: "South Georgia and the South Sandwich Islands", HK: "Hong Kong", HM: "Heard and McDonald Islands", KN: "St Kitts and Nevis",
  LC: "Saint Lucia", MF: "Saint Martin", MM: "Myanmar", MO: "Macao", NL: "The Netherlands", PM: "Saint Pierre and Miquelon",
  PS: "Palestine", SH: "Saint Helena", SJ: "Svalbard and Jan Mayen", ST: "São Tomé and Príncipe", TC: "Turks and Caicos Islands",
  TT: "Trinidad and Tobago", VC: "St Vincent and Grenadines", WF: "Wallis and Futuna",
};

const isEnglish = locale === "en";
const regions = names(locale);
/** @type {Record<string, string>} */
const words = Object.assign(Object.create(null), readJson("phrases")?.places); // any text may be a place
/** @type {Map<string, string>} codes by English name */
let codes;

/** @param {string} language */
function names(language) {
  return offered(() => new Intl.DisplayNames(language, { type: "region", fallback: "none" }), { of() {} });
}

function readCodes() {
  const english = names("en");
  const all = LETTERS.flatMap((first) => LETTERS.map((second) => first + second));
  return new Map(all.map((code) => [ENGLISH[code] ?? english.of(code) ?? code, code]));
}

/** @param {string} [code] */
const country = (code) => code && ((isEnglish ? ENGLISH[code] : words[ENGLISH[code]]) ?? regions.of(code));

/** @param {string} place  as the server sends it: a country in English, or a city with its country's code */
export function placeName(place) {
  const [, city, code] = CITY.exec(place) ?? [];
  if (city) return country(code) ? `${words[city] ?? city}, ${country(code)}` : place;
  if (isEnglish || place in words) return words[place] ?? place;
  codes ??= readCodes();
  return country(codes.get(place)) || place;
}
