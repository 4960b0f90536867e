/**
 * Writes the words that crawlers use in their user agents, as regular expressions. From the list of isbot (Unlicense),
 * which is tested against user agents of real browsers:
 *
 *     node tools/assets/crawlers.mjs <isbot's folder> <file>
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [from, to] = process.argv.slice(2);
const { list } = createRequire(import.meta.url)(resolve(from));
const { version } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));

/** Patterns without a word describe the form of a user agent, such as `name/1.0`. Apps have that form as well. */
const hasWord = (pattern) => /\w\w/.test(pattern.replace(/\\\w|\[[^\]]*\]|\{[^}]*\}/g, " "));

/** Words that people's apps have in their names as well. */
const OF_APPS =
  /news|java|tools|manager|server|library|insight|capture|measure|download|snapchat|duckduckgo|whatsapp|yandex|naver|\^re[ae]d|\^active/;

/** Python's look-behind has a fixed width, so that each alternative needs its own. */
const inPython = (pattern) =>
  pattern.replace(/\(\?<!([^()]*)\)/g, (_, words) => words.split("|").map((word) => `(?<!${word})`).join(""));

const LOOKAROUND = /\(\?<?[!=]/;
const patterns = list.filter((pattern) => hasWord(pattern) && !OF_APPS.test(pattern));
const lists = {
  of: `isbot ${version} (Unlicense)`,
  words: patterns.filter((pattern) => !LOOKAROUND.test(pattern)),
  lookarounds: patterns.filter((pattern) => LOOKAROUND.test(pattern)).map(inPython),
};
writeFileSync(to, `${JSON.stringify(lists, null, 1)}\n`);
