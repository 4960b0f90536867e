"""Built scripts, single and merged with scripts around them, as other people's minifiers write them: they work, or the
minifier refuses them with an error.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from bundles import ESBUILD
from support.programs.installed import program
from support.programs.processes import ROOT
from test_line import Post

LIBRARIES = ROOT / "tests/matrix/libraries"
PROGRAMS = LIBRARIES / "node_modules/.bin"
SWC = """
const { readFileSync } = require("fs"), options = { compress: true, mangle: true };
require("@swc/core").minify(readFileSync(process.argv[1], "utf8"), options).then(({ code }) => console.log(code));
"""
RJSMIN = "import rjsmin, sys; print(rjsmin.jsmin(open(sys.argv[1]).read()))"
CSS_HTML_JS_MINIFY = """
import contextlib, sys
from css_html_js_minify.js_minifier import js_minify
with contextlib.redirect_stdout(sys.stderr):  # it warns
    text = js_minify(open(sys.argv[1]).read())
print(text)
"""
MINIFIERS = {
    "esbuild": [ESBUILD, "--minify"],
    "terser": [PROGRAMS / "terser", "--compress", "--mangle"],
    "uglify-js": [PROGRAMS / "uglifyjs", "--compress", "--mangle"],
    "swc": ["node", "-e", SWC],
    "closure": ["java", "-jar", PROGRAMS / "../google-closure-compiler-java/compiler.jar"],
    "yui": [PROGRAMS / "yuicompressor"],
    "rjsmin": [sys.executable, "-c", RJSMIN],
    "css-html-js-minify": [sys.executable, "-c", CSS_HTML_JS_MINIFY],  # reads as jsmin does, which has no wheel
}
REFUSING = ("closure", "yui")
"""They know no private fields. They need Java."""

BUILT = ROOT / "koyjabo/static/min/counting"
SCRIPTS = {"single": "{}", "merged": "window.before = 'a' // no semicolon\n{}\nwindow.after = `b`\n"}
PROOF = "browser/test_minifiers.py::test_a_minifier_reads_the_scripts_rightly_or_refuses_them"


def test_a_built_script_has_nothing_that_a_minifier_takes_for_a_comment():
    """Some find comments in strings and templates as well."""
    scripts = {path.name: path.read_text() for path in BUILT.rglob("koyjabo*.js")}
    assert len(scripts) > 12
    assert [name for name, text in scripts.items() if "//" in text or "/*" in text] == []


@pytest.mark.parametrize("way", SCRIPTS)
@pytest.mark.parametrize("script", ["koyjabo-line.js", "koyjabo-count.all.js"])
@pytest.mark.parametrize(
    "minifier",
    [
        "esbuild",
        *(pytest.param(name, marks=pytest.mark.long(proved_by=PROOF)) for name in MINIFIERS if name != "esbuild"),
    ],
)
def test_a_minifier_reads_the_scripts_rightly_or_refuses_them(page, site, other_site, tmp_path, minifier, script, way):
    (tmp_path / "bundle.js").write_text(SCRIPTS[way].format((BUILT / script).read_text()))
    if minifier in REFUSING:
        program("java")
    done = subprocess.run(
        [*MINIFIERS[minifier], tmp_path / "bundle.js"],
        cwd=LIBRARIES,
        env=os.environ | {"PYTHONPATH": str(ROOT / ".venv/clients")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert bool(done.returncode) == (minifier in REFUSING), done.stderr
    if done.returncode:
        assert "error" in f"{done.stdout}{done.stderr}".lower()
        return
    post = Post(page, site, other_site)
    page.route("**/bundle.js", lambda route: route.fulfill(content_type="text/javascript", body=done.stdout))
    element = f'<koyjabo-count value="page" base-url="http://localhost:{site.port}"></koyjabo-count>'
    post.open(f"posts/minified/{minifier}/{script}/{way}", f'{element}<script src="/bundle.js"></script>')
    post.shows(1)
    if way == "merged":
        assert page.evaluate("[window.before, window.after]") == ["a", "b"]
