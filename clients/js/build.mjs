// Builds dist/: the client module from koyjabo/static/counting with its types, and all.js, a single-file bundle.
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname;
const dist = join(here, "dist");
const scripts = join(here, "../../koyjabo/static/counting");
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const modules = ["client", "koyjabo.js", ...readdirSync(scripts).filter((name) => /^koyjabo-\w+\.\d+\.js$/.test(name))];

rmSync(dist, { recursive: true, force: true });
for (const name of modules) cpSync(join(scripts, name), join(dist, name), { recursive: true });
cpSync(join(here, "src"), dist, { recursive: true, filter: (path) => !path.endsWith(".d.ts") });
execFileSync(process.execPath, [tsc, "-p", here], { stdio: "inherit" });
cpSync(join(here, "src/index.d.ts"), join(dist, "index.d.ts")); // its constructor needs the server
await build({
  entryPoints: [join(dist, "index.js")],
  outfile: join(dist, "all.js"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
});
for (const part of ["queue", "pages"]) {
  // With a copy of what it shares with the client: otherwise bundlers would make a file of that, which pages load first.
  const path = join(dist, modules.find((name) => name.startsWith(`koyjabo-${part}.`)));
  await build({ entryPoints: [path], outfile: path, allowOverwrite: true, bundle: true, format: "esm", target: "es2022", charset: "utf8" });
}
