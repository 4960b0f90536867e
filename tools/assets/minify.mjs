// Builds koyjabo/static/min/ from the files next to it: minifies scripts and styles, compresses all text with Brotli and
// gzip, and writes manifest.json for the server (web/assets/static_files.py). The client module and each file in a
// folder `pages/` are bundled with everything they import. The element is also built as two classic scripts: with
// everything, and with what a first page needs.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const STATIC = "koyjabo/static";
const TARGET = join(STATIC, "min");
const TEXTS = [".js", ".css", ".svg", ".json"];
const ELEMENT = "counting/koyjabo-count.js";
const CLASSIC = "counting/koyjabo-count.all.js";
const LINE = "counting/koyjabo-line.js";
const ORIGIN = resolve(STATIC, "counting/classic-origin.js");
const INLINE = "home/pages/home.css";
const OPTIONS = { bundle: true, minify: true, format: "esm", charset: "utf8", target: "esnext", legalComments: "none", write: false };

// What other sites load, for the oldest browsers of docs/client.md.
const EMBEDDED = /^counting\/(before\/|client\/|koyjabo)/, FLOOR = ["chrome91", "firefox90", "safari15"];

const PARTS = /^counting\/koyjabo-(client|queue|pages)\.\d+\.js$/; // import modules of client/
const isBundle = (name) => PARTS.test(name) || name.split("/").at(-2) === "pages";
const isOurs = (name) => [".js", ".css"].includes(extname(name)) && !name.startsWith("vendor/");

/** Replaces the module that knows the server, because a classic script has no `import.meta`. */
const classicOrigin = {
  name: "classic origin",
  setup: ({ onResolve }) => onResolve({ filter: /\/origin\.js$/ }, () => ({ path: ORIGIN })),
};
/** Imports parts when they are needed, with the only function that knows their addresses. */
const partsLater = {
  name: "parts later",
  setup: ({ onLoad }) =>
    onLoad({ filter: /counting[\\/].*\.js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8"), changed = text.replace(/\bimport\("\.{1,2}\/(koyjabo-[\w.]+)"\)/g, 'part("$1")');
      return { contents: changed === text ? text : `import { part } from ${JSON.stringify(ORIGIN)};\n${changed}` };
    }),
};
/** In ASCII, because copies lose their encoding, and after a semicolon, because the file before it in a merged one may lack it. */
const IN_ONE = { entryPoints: [join(STATIC, ELEMENT)], plugins: [classicOrigin], format: "iife", charset: "ascii", banner: { js: ";" } };
const CLASSICS = { [CLASSIC]: IN_ONE, [LINE]: { ...IN_ONE, plugins: [classicOrigin, partsLater] } };

/** The names of all files, except those built here. */
const sources = readdirSync(STATIC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(STATIC, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
  .filter((name) => !name.startsWith("min/"))
  .sort();

/** Keeps files separate, with paths relative to the importing file. In bundles, this applies only to files that are
 * loaded later or shown; in other files, to all imports. */
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
  const options = CLASSICS[name] ?? { entryPoints: [join(STATIC, name)], plugins: [apart(name)] };
  const { outputFiles } = await build({ ...OPTIONS, target: EMBEDDED.test(name) ? FLOOR : "esnext", ...options });
  return Buffer.from(outputFiles[0].contents);
}

/** Scripts in before/ are served as if they were in the folder above. */
const served = {
  name: "served",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/koyjabo-/ }, ({ path, resolveDir }) => {
      if (!resolveDir.endsWith("before") || sources.includes(join("counting/before", path))) return null;
      return { path: resolve(STATIC, "counting", path) };
    }),
};

/** The modules that each of our scripts imports when it loads, nearest first. */
async function graph() {
  const entryPoints = sources.filter((name) => isOurs(name) && extname(name) === ".js").map((name) => join(STATIC, name));
  const { metafile } = await build({ ...OPTIONS, entryPoints, outdir: TARGET, metafile: true, plugins: [served] });
  const importsOf = (name) => metafile.inputs[join(STATIC, name)].imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => relative(STATIC, path));
  return (name, whole = () => false) => {
    const modules = new Set([name]); // grows during the loop
    for (const module of modules) if (!whole(module)) for (const imported of importsOf(module)) modules.add(imported);
    return [...modules].slice(1);
  };
}

/** A style sheet for the head of a page, with URLs that start at the root. */
function inlined(css, version) {
  const text = css.toString().trim().replaceAll("../../", `/static/v-${version}/`);
  return { text, digest: createHash("sha256").update(text).digest("base64") };
}

/** @param {Map<string, Buffer>} files  contents by name, sorted */
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
  preloads: Object.fromEntries(scripts.filter((name) => !isBundle(name)).map((name) => [name, modulesOf(name, (module) => PARTS.test(module))])),
  bundled: Object.fromEntries(scripts.filter((name) => isBundle(name)).map((name) => [name, modulesOf(name)])),
  inline: { [INLINE]: inlined(contents.get(INLINE), version) },
};

const written = [["manifest.json", `${JSON.stringify(manifest, null, 1)}\n`]];
for (const [name, content] of contents) {
  if (!TEXTS.includes(extname(name))) continue;
  written.push([name, content], [`${name}.br`, brotliCompressSync(content)], [`${name}.gz`, gzipSync(content, { level: 9 })]);
}
rmSync(TARGET, { recursive: true, force: true }); // at the end, so that a running server lacks the files only briefly
for (const [name, content] of written.reverse()) {
  mkdirSync(dirname(join(TARGET, name)), { recursive: true });
  writeFileSync(join(TARGET, name), content);
}
