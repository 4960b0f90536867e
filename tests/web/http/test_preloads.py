"""Every page names all modules that its scripts import, so that a browser requests them at once."""

from __future__ import annotations

import re
from posixpath import dirname, join, normpath

import pytest
from support.page_calls import Reader
from support.routes import path_of, rules

from koyjabo.web.http.static_files import CLIENT, FOLDER, is_bundle

TAG = re.compile(r"<(script|link)\b([^>]*)>")
ADDRESS = re.compile(r'(?:src|href)="/static/v-[0-9a-f]+/([^"]+)"')
STATEMENT = re.compile(r"""(?:^|\n|;)\s*(?:import|export)\s(?:[^"';]*?\sfrom\s*)?["']([^"']+)["']""")
"""Read in another way than the server does."""


def imports(name: str) -> set[str]:
    """The modules that one imports, and theirs, unless they are in its own file."""
    found: set[str] = set()
    waiting = {name}
    while waiting:
        module = waiting.pop()
        named = {normpath(join(dirname(module), path)) for path in STATEMENT.findall((FOLDER / module).read_text())}
        waiting |= {each for each in named - found if not is_bundle(each)}
        found |= named
    return found


def requested(name: str) -> set[str]:
    """What a browser needs for a script: a bundle has all that it imports."""
    return {name} if is_bundle(name) else imports(name)


def modules_of(page: str) -> tuple[set[str], list[str]]:
    """The scripts of a page that are modules, and what it preloads."""
    tags = [(kind, attributes, ADDRESS.search(attributes)) for kind, attributes in TAG.findall(page)]
    scripts = {
        found[1] for kind, attributes, found in tags if found and kind == "script" and 'type="module"' in attributes
    }
    return scripts, [found[1] for _, attributes, found in tags if found and 'rel="modulepreload"' in attributes]


@pytest.fixture(scope="module")
def all_pages(site, cast) -> dict[str, str]:
    """Those that an admin of the site and a stranger can look at, by path and reader."""
    boss, stranger = Reader(site).log_in("site_admin"), Reader(site)
    found = {}
    for rule in rules(site).values():
        if "GET" in (rule.methods or ()) and rule.endpoint.startswith(("pages.", "admin.", "docs.docs")):
            path = path_of(site, cast, rule, cast.kept_community())
            for who, reader in (("boss", boss), ("stranger", stranger)):
                answer = reader.client.get(path, headers=reader.headers)
                if answer.mimetype == "text/html" and answer.status_code == 200:
                    found[f"{path} {who}"] = answer.text
    return found


def test_pages_preload_what_their_scripts_import_and_nothing_twice(all_pages):
    seen = 0
    for path, page in all_pages.items():
        scripts, preloaded = modules_of(page)
        assert set(preloaded) == set().union(*map(requested, scripts)), path
        assert len(preloaded) == len(set(preloaded)), path
        seen += len(preloaded)
    assert seen > 20


def test_page_with_a_bundle_has_no_other_scripts(all_pages):
    """So that no module is there twice, with a state of its own each time."""
    scripts, _ = modules_of(all_pages["/admin/ boss"])
    assert scripts == {"js/pages/overview.js"} | {"js/get-started.js", "js/parts/copy.js"}  # of a site without visits
    assert modules_of(all_pages["/ stranger"])[0] == {"js/pages/home.js"}


def test_pages_have_what_this_test_relies_on(all_pages):
    found = [set(modules_of(page)[1]) for page in all_pages.values()]
    assert any({CLIENT, "js/figures.js", "js/page.js"} <= preloaded for preloaded in found)
