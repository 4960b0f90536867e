"""Pages of other sites with our script: the table of matrix/page.py. Each page records what happens to it."""

from __future__ import annotations

import subprocess

import pytest
from bundles import ESBUILD
from engines import ENGINES
from host_pages import HostPages
from matrix.page import TABLE
from support.programs.processes import ROOT, wait_until

SITE = """<!doctype html><html lang="en"><title>Shop</title><script>
window.site = { said: [], ran: [], own: ["site", "navigation", "define", "module", "exports", "show", "undeclared"] };
addEventListener("error", (event) => site.said.push(`${event.message}`));
addEventListener("unhandledrejection", ({ reason }) => site.said.push(`${reason}`));
for (const name of ["warn", "error"]) console[name] = (...texts) => site.said.push(texts.join(" "));
site.wrap = (name) => {
  const original = history.pushState;
  history.pushState = function (...given) {
    site.ran.push(name);
    return original.apply(this, given) ?? name;
  };
};
site.names = new Set(Object.getOwnPropertyNames(window));
site.place = () => {
  const { top, left, width } = document.querySelector("#search").getBoundingClientRect();
  return `${top} ${left} ${width}`;
};
</script>"""
INPUT = """<h1>Shop</h1><input id="search">
<script>document.querySelector("#search").focus(); site.before = site.place();</script>"""
MODULE = '<script type="module">{}</script>'
STANDING = {
    "import map": """
        <script type="importmap">{"imports": {"shop": "data:text/javascript,export default 'map'"}}</script>
        <script type="module">import shop from "shop"; site.ran.push(shop);</script>""",
    "modules": MODULE.format("site.ran.push('one')") + MODULE.format("site.ran.push('two')"),
    "old libraries": """<script>Object.defineProperty(Array.prototype, "toJSON", { value: () => "of Prototype.js" });
        window.define = Object.assign(() => site.ran.push("define"), { amd: {} }); window.module = { exports: {} };
        window.exports = module.exports;</script>""",
    "history": """<script>Object.defineProperty(window, "navigation", { value: undefined });
        site.wrap("early");</script>""",
    "framework": """<main></main><script type="module" src="/built.js"></script>
        <script type="module">show({ value: "total" }); site.ran.push("react");</script>""",
}
RAN = {"import map": "map", "modules": "one two", "framework": "react", "merged": "start end"}
"""Contents of a page, and what they record when they work."""

SHOWN = """(document.querySelector("koyjabo-count")?.shadowRoot?.querySelector("[part=number]")
  ?? document.querySelector("#total"))"""
PACKAGE = """import { KoyJabo } from "./koyjabo/static/counting/koyjabo.js";
const koyjabo = new KoyJabo({ baseUrl: "%s", pageViews: true });
koyjabo.subscribe((stats) => {
  const shown = document.querySelector("#total");
  if (shown && stats) shown.textContent = stats.totalVisits;
});
koyjabo.start();"""
HARM = """(() => {
  const mine = (name) => site.names.has(name) || site.own.includes(name);
  const changes = {
    printed: [site.said.join(), ""],
    focus: [document.activeElement.id, "search"],
    layout: [site.place(), site.before],
    globals: [Object.getOwnPropertyNames(window).filter((name) => !mine(name)).join(), "koyjaboShared"],
  };
  return Object.entries(changes).filter(([, [now, before]]) => now !== before).join();
})()"""


def put(source: str) -> str:
    """A script of the page that puts our script in once the page is parsed."""
    script = f"Object.assign(document.createElement('script'), {{ src: '{source}', crossOrigin: '' }})"
    return (
        f"<script>addEventListener('DOMContentLoaded', () => setTimeout(() => document.head.append({script})))</script>"
    )


class Shop:
    """The page of a cell."""

    def __init__(self, cell, site, bundle) -> None:
        self.standing = cell.surface.partition(" in ")[0]
        (way, self.where), self.server = cell.distortion.split(), f"http://localhost:{site.port}"
        HostPages.files |= {"/built.js": bundle("react19").read_text(), "/bundle.js": self._merged(way)}
        element, line = '<koyjabo-count value="total"{}></koyjabo-count>', f"{self.server}/static/js/koyjabo-line.js"
        module = f'<script type="module" src="{self.server}/static/js/koyjabo-count.js"></script>'
        tag = f'<script async crossorigin src="{line}"></script>'
        scripts = {"line": tag, "module": module, "package": f"<script>{self._package()}</script>"}
        base = f' base-url="{self.server}"' if self.standing == "merged" else ""
        self.element = '<p id="total"></p>' if way == "package" else element.format(base)
        self.script = scripts[way] if self.where != "beside" else put(line)
        if self.standing == "merged":
            self.script = put("/bundle.js") if self.where == "beside" else '<script src="/bundle.js"></script>'
        if self.standing == "several of us":
            self.script += tag + module
            self.element += element.format("")
        if self.standing == "history":
            self.element = self.element.replace("></", " views></")

    def _package(self) -> str:
        command = [ESBUILD, "--bundle", "--format=iife", "--log-level=error"]
        done = subprocess.run(
            command, cwd=ROOT, input=PACKAGE % self.server, check=True, capture_output=True, text=True
        )
        return done.stdout.replace("</script", "<\\/script")

    def _merged(self, way: str) -> str:
        ours = (
            self._package() if way == "package" else (ROOT / "koyjabo/static/min/counting/koyjabo-line.js").read_text()
        )
        return f"site.ran.push('start')\n{ours}\nundeclared = 1; site.ran.push('end')"

    def html(self) -> str:
        standing = STANDING.get(self.standing, "")
        if self.where == "before":
            return SITE + self.script + standing + INPUT + self.element
        return SITE + standing + INPUT + self.element + self.script


@pytest.mark.parametrize("cell", TABLE.parameters())
def test_a_page_with_our_script_works_as_before_and_counts_once(request, tmp_path, site, other_site, bundle, cell):
    shop, before = Shop(cell, site, bundle), site.stats().total
    HostPages.files["/posts/shop"] = shop.html()
    is_harmed = cell.outcome == "goes without"
    with ENGINES[cell.place](request, tmp_path) as tab:
        tab.go(f"{other_site}posts/shop")
        for total in (before + 1, before + 2):
            text = f"{SHOWN}?.textContent.replace(/[^0-9]/g, '')"
            wait_until(lambda total=total, text=text: tab.run(text) == str(total), f"{total} is shown")
            site.register("somebody")
        if is_harmed:
            wait_until(lambda: tab.run("site.said.length"), "the module of the page ends")
            assert cell.says in (ROOT / "docs/client.md").read_text()
            return
        ran = RAN.get(shop.standing, "")
        wait_until(lambda: tab.run("site.ran.join(' ')") == ran, "what stands on the page has run")
        assert tab.run(HARM) == ""
        tab.run("site.wrap('late')")
        given = tab.run("`${history.pushState({}, '', '/posts/next')} ${site.ran.slice(-2).join(' ')}`")
        assert given.endswith("early late early" if shop.standing == "history" else "late")
        assert tab.run("location.pathname") == "/posts/next"
        assert tab.run(HARM) == ""
    assert site.stats().total == before + 3
