/**
 * Writes the addresses of hosting networks, from a table of AS numbers (@ip-location-db/asn, CC BY 4.0: RouteViews and
 * DB-IP) and our list of hosting providers:
 *
 *     node tools/assets/networks.mjs <folder of the table> <hosting.json> <file>
 *
 * The file contains unsigned 64-bit little-endian numbers, sorted: the first address of a range, then the first address
 * after it, and so on. An IPv4 address is stored as its number, an IPv6 address as its first 64 bits, which are always
 * greater.
 */
import { readFileSync, writeFileSync } from "node:fs";

const [folder, list, to] = process.argv.slice(2);
const hosters = new Set(Object.values(JSON.parse(readFileSync(list, "utf8"))).flat().map(String));

/** [first, after] for each range of a hosting provider. */
function rangesOf(version, bits) {
  const lines = readFileSync(`${folder}/asn-ipv${version}-num.csv`, "utf8").split("\n");
  const rows = lines.map((line) => line.split(",", 3)).filter(([, , number]) => hosters.has(number));
  return rows.map(([first, last]) => [BigInt(first) >> bits, (BigInt(last) >> bits) + 1n]);
}

const ranges = [...rangesOf(4, 0n), ...rangesOf(6, 64n)].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
const merged = [];
for (const [first, after] of ranges) {
  const last = merged.at(-1);
  if (!last || first > last[1]) merged.push([first, after]);
  else if (after > last[1]) last[1] = after;
}
writeFileSync(to, BigUint64Array.from(merged.flat()));
