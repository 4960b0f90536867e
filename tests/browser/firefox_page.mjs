// A tab of Firefox, driven by WebDriver BiDi. Takes commands as lines of JSON, [name, text], and prints each result.
// Arguments: a URL that is not used, the folder with node_modules, and the path of Firefox.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [, folder, program] = process.argv.slice(2);
const { default: puppeteer } = createRequire(`${folder}/`)("puppeteer-core");
const browser = await puppeteer.launch({ browser: "firefox", executablePath: program });
const [page] = await browser.pages();
const commands = { go: (url) => page.goto(url).then(() => true), run: (expression) => page.evaluate(expression) };

for await (const line of createInterface({ input: process.stdin })) {
  const [name, text] = JSON.parse(line);
  console.log(JSON.stringify({ what: "done", value: (await commands[name](text)) ?? null }));
}
await browser.close();
