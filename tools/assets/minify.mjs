// Builds koyjabo/static/min/ from the files beside it: scripts and styles minified, everything that is text packed with
// Brotli and gzip, and manifest.json, in which the server looks up what it has to know (webkit/assets/static_files.py).
// The client module and what is in a folder `pages/` are one file each with all that they import.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const STATIC = "koyjabo/static";
const TARGET = join(STATIC, "min");
const TEXTS = [".js", ".css", ".svg", ".json", ".webmanifest"];
const CLIENT = "counting/koyjabo.js";
const INLINE = "home/pages/home.css";
const OPTIONS = { bundle: true, minify: true, format: "esm", charset: "utf8", target: "esnext", legalComments: "none", write: false };

const isBundle = (name) => name === CLIENT || name.split("/").at(-2) === "pages";
const isOurs = (name) => [".js", ".css"].includes(extname(name)) && !name.startsWith("vendor/");

/** The names of all files but those made here. */
const sources = readdirSync(STATIC, { recursive: true, withFileTypes: true })
  .filter((each) => each.isFile())
  .map((each) => relative(STATIC, join(each.parentPath, each.name)).replaceAll("\\", "/"))
  .filter((name) => !name.startsWith("min/"))
  .sort();

/** What a file of its own stays, by a path from the bundle: what a script loads later, what a style shows. Of a file that is
 * no bundle, all that it imports. */
const apart = (name) => ({
  name: "apart",
  setup({ onResolve }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ kind, path, resolveDir }) => {
      if (kind === "entry-point" || (isBundle(name) && ["import-statement", "import-rule"].includes(kind))) return null;
      const target = relative(dirname(join(STATIC, name)), join(resolveDir, path));
      return { path: target.startsWith(".") ? target : `./${target}`, external: true };
    });
  },
});

async function built(name) {
  if (!isOurs(name)) return readFileSync(join(STATIC, name));
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [join(STATIC, name)], plugins: [apart(name)] });
  return Buffer.from(outputFiles[0].contents);
}

/** The modules that each of our scripts imports at load, nearest first. */
async function graph() {
  const entryPoints = sources.filter((name) => isOurs(name) && extname(name) === ".js").map((name) => join(STATIC, name));
  const { metafile } = await build({ ...OPTIONS, entryPoints, outdir: TARGET, metafile: true });
  const importsOf = (name) => metafile.inputs[join(STATIC, name)].imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => relative(STATIC, path));
  return (name, whole = []) => {
    const found = new Set([name]); // which grows while it is read
    for (const each of found) if (!whole.includes(each)) for (const imported of importsOf(each)) found.add(imported);
    return [...found].slice(1);
  };
}

/** A style for the head of a page, from which its addresses start at the root. */
function inlined(css, version) {
  const text = css.toString().trim().replaceAll("../../", `/static/v-${version}/`);
  return { text, digest: createHash("sha256").update(text).digest("base64") };
}

/** @param {Map<string, Buffer>} files  by name, in the order of these */
function digestOf(files) {
  const hash = createHash("sha256");
  for (const [name, content] of files) hash.update(`${name} ${content.length}\n`).update(content);
  return hash.digest("hex");
}

const contents = new Map();
for (const name of sources) contents.set(name, await built(name));

const version = digestOf(contents).slice(0, 12);
const modulesOf = await graph();
const scripts = sources.filter((name) => isOurs(name) && extname(name) === ".js");
const manifest = {
  version,
  sources: digestOf(new Map(sources.map((name) => [name, readFileSync(join(STATIC, name))]))),
  names: sources,
  preloads: Object.fromEntries(scripts.filter((name) => !isBundle(name)).map((name) => [name, modulesOf(name, [CLIENT])])),
  bundled: Object.fromEntries(scripts.filter((name) => isBundle(name)).map((name) => [name, modulesOf(name)])),
  inline: { [INLINE]: inlined(contents.get(INLINE), version) },
};

const written = [["manifest.json", `${JSON.stringify(manifest, null, 1)}\n`]];
for (const [name, content] of contents) {
  if (!TEXTS.includes(extname(name))) continue;
  written.push([name, content], [`${name}.br`, brotliCompressSync(content)], [`${name}.gz`, gzipSync(content, { level: 9 })]);
}
rmSync(TARGET, { recursive: true, force: true }); // at the end: a server that runs misses the files for a moment only
for (const [name, content] of written.reverse()) {
  mkdirSync(dirname(join(TARGET, name)), { recursive: true });
  writeFileSync(join(TARGET, name), content);
}
