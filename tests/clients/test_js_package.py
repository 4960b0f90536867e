"""The client module's npm package, once installed: types, size, and that it counts."""

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest
from support.fixtures.package_fixtures import succeed

pytestmark = pytest.mark.long(
    proved_by="browser/test_client_module.py::test_a_page_of_another_site_that_imports_the_module_is_one_visit"
)

FIRST_LIMIT = 4_690
"""Limit for what a page loads first, in bytes, minified and compressed. Campaigns need 200 of them, because the address
of a page has to be read before its first visit. A server below a path needs 30, loading page numbers 165, and starting
again 65. Reading who has responded, and sending another content type, needs 490.
"""

WHOLE_LIMIT = 10_920
"""Limit for everything a page may load, in bytes, compressed file by file, and for the whole package in one file. 60
are for servers below a path and for requests that content blockers let through, 1,525 for page numbers, 200 for
entries of the queue that another script wrote or that an erasure closes, and 60 for pages whose Prototype.js changes
the JSON of arrays and for requests that throw at once. 1,840 are for responses of other programs in the server's place,
and 380 for the six connections of a browser.
"""

TYPED = """
import { isNewer, KoyJabo, type PageNumber, type Receipt, type Stats } from "koyjabo";
import { KoyJabo as Whole } from "koyjabo/all";

const koyjabo: KoyJabo = new KoyJabo({ baseUrl: "https://live.example.com", pageViews: true, visitorIdKey: "ours" });
const whole: KoyJabo = new Whole({ baseUrl: "https://live.example.com" });
const end: () => void = koyjabo.subscribe((stats, line) => {
  const total: number | undefined = stats?.totalVisits;
  if (line === "live" && stats) isNewer(stats, null);
});
const endOfPages: () => void = koyjabo.pages(["/posts/a"], (pages: PageNumber[]) => {
  const views: number | null | undefined = pages[0]?.views;
});
const number: Receipt | null = koyjabo.visit;
const stats: Stats | null = koyjabo.stats;
const place: string | null | undefined = koyjabo.last?.place;
const isAnswered: Promise<boolean> = koyjabo.refresh();
void koyjabo.track("search", { to: "Mirpur 10", results: 4 });
// @ts-expect-error the server has to be named
new KoyJabo({ counts: false });
// @ts-expect-error there is no such option
new KoyJabo({ baseUrl: "https://live.example.com", count: false });
"""
FILES = """
import { build } from "esbuild";
const { outputFiles } = await build({
  stdin: { contents: 'export { KoyJabo } from "koyjabo";', resolveDir: process.cwd() },
  bundle: true, splitting: true, minify: true, format: "esm", outdir: "built", write: false,
});
process.stdout.write(JSON.stringify(outputFiles.map(({ text }) => text)));
"""


def node(project: Path, script: str, *arguments: str) -> str:
    (project / "script.mjs").write_text(script)
    command = ["node", "script.mjs", *arguments]
    return succeed(subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False))


def packed(text: str) -> int:
    return len(gzip.compress(text.encode(), mtime=0))


def test_the_types_of_the_npm_package_match_the_module(project):
    (project / "typed.mts").write_text(TYPED)
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"]
    command = ["node", "node_modules/typescript/bin/tsc", *options, "typed.mts"]
    succeed(subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False))


def test_a_page_loads_little_of_the_module_at_first_and_not_much_in_all(project):
    first, *later = json.loads(node(project, FILES))
    whole = (project / "node_modules" / "koyjabo" / "dist" / "all.js").read_text()
    assert not re.search(r'(from|import)"', first), "it loads nothing more at once"
    assert packed(first) <= FIRST_LIMIT
    assert sum(map(packed, (first, *later))) <= WHOLE_LIMIT
    assert ["EventSource" in text for text in (first, whole)] == [False, True]
    assert packed(whole) <= WHOLE_LIMIT
    assert "import(" not in whole


def test_the_npm_package_contains_what_its_readme_promises(project):
    installed = project / "node_modules" / "koyjabo"
    package = json.loads((installed / "package.json").read_text())
    assert not package.keys() & {"dependencies", "peerDependencies"}
    assert {path.name for path in installed.iterdir()} == {"dist", "package.json", "LICENSE", "README.md"}
    for entry in package["exports"].values():
        assert all((installed / path).is_file() for path in entry.values())
    assert json.loads((installed / "../@koyjabo/react/package.json").read_text())["version"] == package["version"]
