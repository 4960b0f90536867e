/** Writes the fonts for large figures: `node digits.mjs <folder of fonts> <folder>`. They contain only digits and
 * signs, all of equal width within a script. Noto Sans Bengali is licensed under the SIL Open Font License 1.1. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import subsetFont from "subset-font";

const SIGNS = ",.+-−–%\u202f";
const SCRIPTS = { latin: `0123456789${SIGNS}`, bengali: "০১২৩৪৫৬৭৮৯" };

const [fonts, folder] = process.argv.slice(2);
for (const [script, text] of Object.entries(SCRIPTS)) {
  const whole = readFileSync(join(fonts, `noto-sans-bengali-${script}-700-normal.woff2`));
  writeFileSync(join(folder, `digits-${script}.woff2`), await subsetFont(whole, text, { targetFormat: "woff2" }));
}
