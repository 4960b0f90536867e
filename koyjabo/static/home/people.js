/** Where people are: a list of places as bars, and dots on the maps. */

import { written } from "../webkit/figures.js";
import { find } from "../webkit/page.js";
import { countryCode, placeName } from "../webkit/places.js";

/** @typedef {import("../counting/koyjabo.js").Stats} Stats */
/** @typedef {{countries: Record<string, [number, number]>, divisions: [string, number, number][], cities: Record<string, number>}} Positions */

const LEAST = 3; // people of a dot, as in home/view.py
const LARGEST = 34, SMALLEST = 8; // the radius of dots
const HERE = "BD";
const RING = { duration: 1_400, easing: "ease-out" };
const SVG = "http://www.w3.org/2000/svg";

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** The longest first. The row of a place is reused, so that its bar grows. */
class PlaceList {
  #list = find("[data-places]");
  #nobody = find("[data-nobody]");
  #row = /** @type {HTMLTemplateElement} */ (find("#place")).content;
  /** @type {Map<string, Element>} */
  #rows = new Map();

  /** @param {Stats["locations"]} locations */
  show(locations) {
    const places = Object.entries(locations).map(([name, { count }]) => ({ name, count }));
    const most = Math.max(...places.map(({ count }) => count));
    const rows = places.map(({ name, count }) => this.#draw(name, count, (100 * count) / most));
    this.#rows = new Map(places.map(({ name }, at) => [name, rows[at]]));
    const before = this.#list.children;
    if (rows.length !== before.length || rows.some((row, at) => row !== before[at])) this.#list.replaceChildren(...rows);
    this.#nobody.hidden = places.length > 0;
  }

  /** @param {string} name  @param {number} count  @param {number} percent */
  #draw(name, count, percent) {
    const found = this.#rows.get(name) ?? /** @type {Element} */ (this.#row.firstElementChild?.cloneNode(true));
    const [label, data, bar] = found.children;
    label.textContent = placeName(name);
    Object.assign(data, { value: String(count), textContent: written(count) });
    bar.firstElementChild?.setAttribute("width", `${percent}%`);
    return found;
  }
}

/** As the files of tools/assets/maps.mjs have it. @param {string} place  "Cox's Bazar, BD" */
const cityKey = (place) => place.slice(0, place.lastIndexOf(", ")).normalize("NFKD").replace(/\p{Diacritic}/gu, "").replace(/’/g, "'").toLowerCase();

/** The dots of one map, by division or by country. */
class Dots {
  #group;
  /** @type {Map<string, Element>} */
  #dots;

  /** @param {Element} group  of the dots that the server has drawn */
  constructor(group) {
    this.#group = group;
    this.#dots = new Map([...group.children].map((dot) => [dot.getAttribute("data-dot") ?? "", dot]));
  }

  /** @param {Map<string, number>} people  @param {(key: string) => [number, number] | undefined} positionOf */
  show(people, positionOf) {
    const most = Math.max(...people.values());
    for (const [key, count] of people) if (count >= LEAST && !this.#dots.has(key)) this.#add(key, positionOf(key));
    for (const [key, dot] of this.#dots) draw(dot, people.get(key) ?? 0, most);
  }

  /** @param {string} key */
  pulse(key) {
    const circle = this.#dots.get(key)?.querySelector("circle");
    if (!circle || circle.getAttribute("r") === "0") return;
    const ring = /** @type {Element} */ (circle.cloneNode());
    ring.classList.add("ring");
    this.#group.append(ring);
    ring.animate({ transform: ["none", "scale(2.5)"], opacity: [0.8, 0] }, RING).finished.finally(() => ring.remove());
  }

  /** @param {string} key  @param {[number, number]} [position] */
  #add(key, position) {
    if (!position) return;
    const dot = document.createElementNS(SVG, "g"), circle = dot.appendChild(document.createElementNS(SVG, "circle"));
    dot.dataset.dot = key;
    circle.setAttribute("cx", String(position[0]));
    circle.setAttribute("cy", String(position[1]));
    this.#dots.set(key, this.#group.appendChild(dot));
  }
}

/** @param {Element} dot  a circle, for a division with its name and number  @param {number} people  @param {number} most */
function draw(dot, people, most) {
  const radius = people < LEAST ? 0 : Math.max(LARGEST * Math.sqrt(people / most), SMALLEST);
  const [circle, label] = dot.children, number = label?.querySelector("tspan");
  circle.setAttribute("r", radius.toFixed(1).replace(".0", ""));
  label?.setAttribute("y", String(Number(circle.getAttribute("cy")) + Math.sign(Number(label.getAttribute("dy"))) * radius));
  if (number) number.textContent = radius ? ` ${written(people)}` : "";
}

/** @param {Element} part  @returns {Promise<void>} when it is first seen */
const seen = (part) => new Promise((resolve) => {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    resolve();
  });
  observer.observe(part);
});

/** The maps, where `make assets` has made them. */
class Maps {
  #home = find("[data-map=divisions]"); // hidden while no division has a dot
  #country = find("[data-map=divisions] .land");
  #divisions = new Dots(find("[data-map=divisions] g"));
  #countries = new Dots(find("[data-map=countries] g"));
  /** @type {Positions | undefined} loaded when the maps are first seen */ #positions;
  /** @type {Stats["locations"] | undefined} */ #newest;

  /** @param {string} url  of the positions */
  constructor(url) {
    this.#load(url).catch(() => addEventListener("online", () => this.#load(url).catch(() => {}), { once: true }));
  }

  /** @param {string} url */
  async #load(url) {
    await seen(find(".maps"));
    this.#positions = await (await fetch(url)).json();
    this.#draw();
  }

  /** @param {Stats["locations"]} locations */
  show(locations) {
    this.#newest = locations;
    this.#draw();
  }

  #draw() {
    if (!this.#positions || !this.#newest) return;
    const { cities, divisions, countries } = this.#positions;
    /** @type {Map<string, number>} */ const byDivision = new Map(), /** @type {Map<string, number>} */ byCountry = new Map();
    for (const [place, { count }] of Object.entries(this.#newest)) {
      const code = countryCode(place), division = code === HERE ? divisions[cities[cityKey(place)]]?.[0] : undefined;
      if (code) add(byCountry, code, count);
      if (division) add(byDivision, division, count);
    }
    this.#divisions.show(byDivision, () => undefined);
    this.#home.toggleAttribute("hidden", Math.max(0, ...byDivision.values()) < LEAST);
    this.#countries.show(byCountry, (code) => countries[code]);
    this.#country.toggleAttribute("data-people", (byCountry.get(HERE) ?? 0) >= LEAST);
  }

  /** @param {string} place  of a visit */
  pulse(place) {
    if (still.matches || !this.#positions) return;
    const code = countryCode(place), { cities, divisions } = this.#positions;
    const division = divisions[cities[cityKey(place)]];
    this.#countries.pulse(code ?? "");
    if (code === HERE && division) this.#divisions.pulse(division[0]);
    else if (code === HERE) this.#country.animate({ opacity: [0.4, 1] }, RING);
  }
}

/** @param {Map<string, number>} sums  @param {string} key  @param {number} count */
const add = (sums, key, count) => sums.set(key, (sums.get(key) ?? 0) + count);

export class People {
  #list = new PlaceList();
  #maps;

  constructor() {
    const { positions } = find("[data-people-part]").dataset;
    this.#maps = positions ? new Maps(positions) : null;
  }

  /** @param {Stats["locations"]} locations */
  show(locations) {
    this.#list.show(locations);
    this.#maps?.show(locations);
  }

  /** @param {string | null} place  of the newest visit */
  pulse(place) {
    if (place) this.#maps?.pulse(place);
  }
}
