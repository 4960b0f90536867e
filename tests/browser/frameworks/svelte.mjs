/** Prints the compiled svelte.svelte, which sets properties where an element has them, and mounts it. */
import { readFileSync } from "node:fs";
import { compile } from "svelte/compiler";

const { js } = compile(readFileSync("svelte.svelte", "utf8"), { filename: "svelte.svelte" });
console.log(`import { mount } from "svelte";\n${js.code}\nmount(Svelte, { target: document.querySelector("main") });`);
