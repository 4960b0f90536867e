// Minifies our scripts and styles, and packs them and those of others with Brotli, into koyjabo/static/min/. A file has
// a hash of its source for a name, by which the server finds it (web/http/static_files.py); one whose source has changed
// since is not found. A script of js/pages is one file with all that it imports, and has the hash of all of these; so has
// the client module.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { build, transformSync } from "esbuild";
import { minify } from "terser";

const STATIC = "koyjabo/static";
const OPTIONS = { minify: true, charset: "utf8", target: "esnext", legalComments: "none" };
// After esbuild: 2 % less of what is sent.
const AGAIN = { module: true, ecma: 2022, compress: { passes: 3, keep_fargs: false } };
const KINDS = { ".js": { loader: "js", format: "esm", treeShaking: true }, ".css": { loader: "css" } };
const TEXTS = [".js", ".css", ".svg"];

const PAGES = join(STATIC, "js", "pages");
const CLIENT = join(STATIC, "js", "koyjabo.js");
const isBundle = (path) => path === CLIENT || dirname(path) === PAGES;
const target = join(STATIC, "min");

/** The path of what is made of a file. */
const built = (source, suffix) => join(target, createHash("sha256").update(source).digest("hex").slice(0, 16) + suffix);

function files(folder) {
  return readdirSync(join(STATIC, folder), { recursive: true }).filter((name) => TEXTS.includes(extname(name))).map((name) => join(STATIC, folder, name));
}

rmSync(target, { recursive: true, force: true });
mkdirSync(target);
async function write(source, suffix, text) {
  const { code } = suffix === ".js" ? await minify(text, AGAIN) : { code: text };
  writeFileSync(built(source, suffix), code);
  writeFileSync(built(source, `${suffix}.br`), brotliCompressSync(code));
}

/** What a page loads later stays a file of its own. `folder` is that of the bundle. */
const later = (folder) => ({
  name: "later",
  setup({ onResolve }) {
    onResolve({ filter: /^\.{1,2}\// }, ({ kind, path, resolveDir }) => (kind === "dynamic-import" ? { path: `./${relative(folder, join(resolveDir, path))}`, external: true } : null));
  },
});

async function bundle(path) {
  const { metafile, outputFiles } = await build({ ...OPTIONS, entryPoints: [path], bundle: true, format: "esm", metafile: true, write: false, plugins: [later(dirname(path))] });
  const sources = Object.keys(metafile.inputs).sort();
  await write(Buffer.concat(sources.map((each) => readFileSync(each))), ".js", outputFiles[0].text);
}

for (const path of [...files("js"), ...files("css")]) {
  const source = readFileSync(path), suffix = extname(path);
  if (isBundle(path)) await bundle(path);
  else await write(source, suffix, transformSync(source.toString(), { ...OPTIONS, ...KINDS[suffix], sourcefile: path }).code);
}
for (const path of files("vendor")) {
  const source = readFileSync(path);
  writeFileSync(built(source, `${extname(path)}.br`), brotliCompressSync(source));
}
