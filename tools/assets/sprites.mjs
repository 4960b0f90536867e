/**
 * Paints the parts of icons and of the share picture: `node sprites.mjs <folder of fonts> <file>`.
 *
 * The file, compressed, has a line of JSON with the width and height of each part by its name, then their pixels: 0 is
 * the ground, or what is below; other values are colours in upkeep/look/picture.py. Letters and digits on flaps are
 * named by their size, and have a margin of PAD on both sides. Noto Sans Bengali is licensed under the SIL Open Font
 * License 1.1.
 *
 * The file is only written if its content changes, because Node versions compress it differently.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, inflateSync } from "node:zlib";
import { Blob, Face, Font } from "harfbuzzjs";
import subsetFont from "subset-font";

const DISC_ON_GROUND = 0, INK_ON_GROUND = 16, INK_ON_DISC = 32, TILE_ON_GROUND = 48, DIGIT_ON_TILE = 64, HINGE = 81;
const FINE = 4; // parts of a pixel, in both directions, that are covered or not: 16 values of each colour
const PAD = 8;
const CARD = { width: 1200, height: 630, middle: [600, 360], disc: 240, ring: 105, head: [96, 80], headRing: 32 };
const ICONS = [32, 180, 192, 512], ICON_RING = 0.32, RING_HOLE = 0.4;
const FLAPS = [150, 100, 74], FLAP_HEIGHT = 1.4, FLAP_CORNER = 0.08, FLAP_STEP = 1.06, COMMA_STEP = 0.36, DIGIT_SIZE = 1.16;
const LETTERS = [60, 28], LETTER_TOP = 1.1, LETTER_HEIGHT = 1.45; // from the baseline upward, and in all
const LATIN = String.fromCodePoint(...Array.from({ length: 0x160 }, (_, at) => 0x20 + at).filter((code) => code < 0x7f || code > 0x9f));
const BENGALI = "০১২৩৪৫৬৭৮৯";

/** @typedef {[number, number][]} Line */
/** @typedef {{width: number, lines: Line[]}} Outline  relative to the font size, from the baseline downward */

const [fonts, file] = process.argv.slice(2);

/** @param {string} script  @param {string} text  @returns {Promise<Map<string, Outline>>} */
async function outlines(script, text) {
  const whole = readFileSync(join(fonts, `noto-sans-bengali-${script}-700-normal.woff2`));
  const { buffer } = Uint8Array.from(await subsetFont(whole, text, { targetFormat: "truetype" }));
  const face = new Face(new Blob(buffer)), font = new Font(face);
  return new Map([...text].flatMap((sign) => {
    const glyph = font.nominalGlyph(sign.codePointAt(0) ?? 0);
    return glyph === undefined ? [] : [[sign, { width: font.glyphHAdvance(glyph) / face.upem, lines: polygons(font.glyphToPath(glyph), face.upem) }]];
  }));
}

/** @param {string} path  of M, L, Q and Z, upward  @param {number} size */
function polygons(path, size) {
  /** @type {Line[]} */
  const lines = [];
  let from = [0, 0];
  for (const [, kind, values] of path.matchAll(/([MLQ])([^MLQZ]*)/g)) {
    const [x, y, ...end] = values.split(/[ ,]/).filter(Boolean).map(Number);
    if (kind === "M") lines.push([]);
    if (kind !== "Q") lines.at(-1)?.push([x / size, -y / size]);
    for (let t = 0.125; kind === "Q" && t <= 1; t += 0.125) {
      const at = (side) => ((1 - t) ** 2 * from[side] + 2 * t * (1 - t) * [x, y][side] + t ** 2 * end[side]) / size;
      lines.at(-1)?.push([at(0), -at(1)]);
    }
    from = kind === "Q" ? end : [x, y];
  }
  return lines;
}

/** @param {number} radius  @returns {Line} clockwise */
const circle = (radius) => Array.from({ length: 128 }, (_, step) => [radius * Math.cos((step * Math.PI) / 64), radius * Math.sin((step * Math.PI) / 64)]);
/** @param {number} radius */
const ring = (radius) => [circle(radius), circle(RING_HOLE * radius).reverse()];
/** @param {number} width  @param {number} height  @param {number} corner  @returns {Line} a rectangle around 0, 0 */
const rectangle = (width, height, corner) => circle(corner).map(([x, y]) => [x + (width / 2 - corner) * (x < 0 ? -1 : 1), y + (height / 2 - corner) * (y < 0 ? -1 : 1)]);
/** @param {Line[]} lines  @param {number} scale  @param {number[]} at */
const placed = (lines, scale, at) => lines.map((line) => line.map(([x, y]) => [scale * x + at[0], scale * y + at[1]]));

class Part {
  /** @param {number} width  @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint8Array(width * height);
  }

  /** Paint polygons; one in the other direction is a hole. @param {Line[]} lines  in pixels  @param {number} colour */
  paint(lines, colour) {
    const edges = lines.flatMap((line) => line.map((start, at) => [start, line[(at + 1) % line.length]]));
    const covered = new Uint8Array(this.pixels.length);
    for (let fine = 0; fine < this.height * FINE; fine += 1) {
      const y = (fine + 0.5) / FINE, row = Math.floor(y) * this.width;
      const crossed = edges.filter(([start, end]) => start[1] <= y !== end[1] <= y);
      const turns = crossed.map(([start, end]) => [start[0] + ((y - start[1]) * (end[0] - start[0])) / (end[1] - start[1]), Math.sign(end[1] - start[1])]);
      turns.sort(([one], [other]) => one - other);
      let winding = 0;
      turns.forEach(([x, turn], at) => {
        winding += turn;
        if (!winding) return;
        for (let part = Math.round(x * FINE); part < Math.round(turns[at + 1][0] * FINE); part += 1) covered[row + Math.floor(part / FINE)] += 1;
      });
    }
    covered.forEach((parts, at) => {
      if (parts) this.pixels[at] = colour + parts;
    });
    return this;
  }
}

/** The middle of signs, from the lowest to the highest point. @param {Outline[]} signs */
function middle(signs) {
  const heights = signs.flatMap(({ lines }) => lines.flat().map(([, y]) => y));
  return (Math.min(...heights) + Math.max(...heights)) / 2;
}

const latin = new Map([...(await outlines("latin-ext", LATIN)), ...(await outlines("latin", LATIN))]), bengali = await outlines("bengali", BENGALI);
const digits = new Map([...latin].filter(([sign]) => /\d/.test(sign))), comma = /** @type {Outline} */ (latin.get(","));
/** @type {Record<string, Part>} */
const parts = {};
for (const size of ICONS) parts[`icon ${size}`] = new Part(size, size).paint(placed(ring(ICON_RING * size), 1, [size / 2, size / 2]), INK_ON_GROUND);
for (const name of ["card", "ring"]) {
  parts[name] = new Part(CARD.width, CARD.height).paint(placed([circle(CARD.disc)], 1, CARD.middle), DISC_ON_GROUND);
  parts[name].paint(placed(ring(CARD.headRing), 1, CARD.head), INK_ON_GROUND);
}
parts.ring.paint(placed(ring(CARD.ring), 1, CARD.middle), INK_ON_DISC);
for (const flap of FLAPS) {
  const height = Math.round(FLAP_HEIGHT * flap), centre = height / 2, font = DIGIT_SIZE * flap;
  for (const script of [digits, bengali]) {
    for (const [sign, { width, lines }] of script) {
      const step = Math.round(FLAP_STEP * flap) + 2 * PAD, baseline = centre - font * middle([...script.values()]);
      const part = new Part(step, height).paint(placed([rectangle(flap, height, FLAP_CORNER * flap)], 1, [step / 2, centre]), TILE_ON_GROUND);
      part.paint(placed(lines, font, [(step - font * width) / 2, baseline]), DIGIT_ON_TILE);
      const hinge = Math.floor(centre) * step;
      parts[`${flap} ${sign}`] = part;
      part.pixels.subarray(hinge - step, hinge + step).forEach((value, at, line) => (line[at] = value && HINGE));
    }
  }
  const step = Math.round(COMMA_STEP * flap) + 2 * PAD, baseline = centre - font * middle([...digits.values()]);
  parts[`${flap} ,`] = new Part(step, height).paint(placed(comma.lines, font, [(step - font * comma.width) / 2, baseline]), INK_ON_DISC);
}
for (const size of LETTERS) {
  for (const [sign, { width, lines }] of latin) {
    const part = new Part(Math.round(size * width) + 2 * PAD, Math.round(LETTER_HEIGHT * size));
    parts[`letter ${size} ${sign}`] = part.paint(placed(lines, size, [PAD, LETTER_TOP * size]), INK_ON_GROUND);
  }
}
const sizes = JSON.stringify(Object.fromEntries(Object.entries(parts).map(([name, { width, height }]) => [name, [width, height]])));
const content = Buffer.concat([Buffer.from(`${sizes}\n`), ...Object.values(parts).map(({ pixels }) => pixels)]);
if (!existsSync(file) || !content.equals(inflateSync(readFileSync(file)))) writeFileSync(file, deflateSync(content, { level: 9 }));
