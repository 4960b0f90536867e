"""The head of a page: descriptions for browsers, searches and previews, and the files and modules it loads."""

import json
import re
from html import unescape
from io import BytesIO
from posixpath import dirname, join, normpath

import pytest
from PIL import Image
from support.application.site import Site
from support.people.page_readers import Reader
from support.people.routes import path_of, rules

from koyjabo.web.assets.static_files import STATIC_FOLDER

CLIENT = "counting/koyjabo.js"
META = re.compile(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"(?: media="([^"]+)")?>')
ICONS = {"/favicon.ico": {(16, 16), (32, 32), (48, 48)}, "/apple-touch-icon.png": {(180, 180)}}
PAGES = ["/", "/login", "/signup", "/communities", "/docs", "/forgot-password"]


def meta(page: str) -> dict[str, str]:
    return {name + media: unescape(content) for name, content, media in META.findall(page)}


def test_the_preview_of_a_page_is_an_image_at_the_public_address(sqlite_database):
    with Site(sqlite_database.url, PUBLIC_URL="https://live.example.com") as site:
        address = meta(site.client.get("/").text)["og:image"]
        assert address.startswith("https://live.example.com/static/")
        answer = site.client.get(address.removeprefix("https://live.example.com"))
    assert Image.open(BytesIO(answer.data)).size == (1200, 630)
    assert len(answer.data) < 40_000


def test_browsers_find_the_icons_at_their_usual_paths(site):
    for path, sizes in ICONS.items():
        answer = site.client.get(path)
        image = Image.open(BytesIO(answer.data))
        assert getattr(image, "info", {}).get("sizes", {image.size}) == sizes
        assert answer.headers["Cache-Control"] == "public, max-age=86400"
        assert len(answer.data) < 8_000


def test_the_manifest_lists_existing_icons(site):
    answer = site.client.get("/manifest.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    icons = json.loads(answer.data)["icons"]
    for icon in icons:
        picture = site.client.get(icon["src"])
        assert (picture.status_code, picture.mimetype) == (200, icon["type"])
        if icon["sizes"] != "any":
            assert "x".join(map(str, Image.open(BytesIO(picture.data)).size)) == icon["sizes"]
    assert {"any", "192x192", "512x512"} <= {icon["sizes"] for icon in icons}
    page = site.client.get("/")
    assert 'rel="manifest" href="/manifest.webmanifest" crossorigin="use-credentials"' in page.text
    assert "manifest-src 'self'" in page.headers["Content-Security-Policy"]


def test_robots_txt_keeps_crawlers_out_of_the_panel_and_the_api(site):
    answer = site.client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    kept_out = {line.removeprefix("Disallow: ") for line in answer.text.splitlines() if line.startswith("Disallow")}
    assert {"/admin", "/api/", "/account"} <= kept_out
    assert not [path for path in PAGES if path.startswith(tuple(kept_out))]


TAG = re.compile(r"<(script|link)\b([^>]*)>")
ADDRESS = re.compile(r'(?:src|href)="/static/v-[0-9a-f]+/([^"]+)"')
STATEMENT = re.compile(r"""(?:^|\n|;)\s*(?:import|export)\s(?:[^"';]*?\sfrom\s*)?["']([^"']+)["']""")
"""Parsed independently of the server's code."""


def is_bundle(name: str) -> bool:
    """Whether the file contains everything that it imports."""
    return name == CLIENT or "/pages/" in name


def imports(name: str) -> set[str]:
    """Modules that a module imports, directly or indirectly, unless its own file contains them."""
    modules: set[str] = set()
    waiting = {name}
    while waiting:
        module = waiting.pop()
        named = {
            normpath(join(dirname(module), path)) for path in STATEMENT.findall((STATIC_FOLDER / module).read_text())
        }
        waiting |= {script for script in named - modules if not is_bundle(script)}
        modules |= named
    return modules


def requested(name: str) -> set[str]:
    """Files that a browser requests for a script. A bundle contains everything that it imports."""
    return {name} if is_bundle(name) else imports(name)


def modules_of(page: str) -> tuple[set[str], list[str]]:
    """The module scripts of a page, and what it preloads."""
    tags = [(kind, attributes, ADDRESS.search(attributes)) for kind, attributes in TAG.findall(page)]
    scripts = {
        address[1]
        for kind, attributes, address in tags
        if address and kind == "script" and 'type="module"' in attributes
    }
    return scripts, [address[1] for _, attributes, address in tags if address and 'rel="modulepreload"' in attributes]


@pytest.fixture(scope="module")
def all_pages(site, cast) -> dict[str, str]:
    """All pages for an admin of the site and for a stranger, by path and reader."""
    site.register("somebody")  # before the first visit, Overview is another page
    boss, stranger = Reader(site).log_in("site_admin"), Reader(site)
    pages = {}
    for rule in rules(site).values():
        if "GET" in (rule.methods or ()) and rule.endpoint.startswith(("pages_", "panel_", "docs.")):
            path = path_of(site, cast, rule, cast.kept_community())
            for who, reader in (("boss", boss), ("stranger", stranger)):
                answer = reader.client.get(path, headers=reader.headers)
                if answer.mimetype == "text/html" and answer.status_code == 200:
                    pages[f"{path} {who}"] = answer.text
    return {**pages, "/admin/?range=30d boss": boss.get("/admin/?range=30d")}


def test_a_page_preloads_each_module_that_its_scripts_import_once(all_pages):
    all_preloads = []
    for path, page in all_pages.items():
        scripts, preloaded = modules_of(page)
        assert set(preloaded) == set().union(*map(requested, scripts)), path
        assert len(preloaded) == len(set(preloaded)), path
        all_preloads.append(set(preloaded))
    assert sum(map(len, all_preloads)) > 20
    assert any({CLIENT, "webkit/figures.js", "webkit/page.js"} <= preloaded for preloaded in all_preloads)
