"""What a page says of itself to browsers, searches and those who share its address, and the files they look for."""

from __future__ import annotations

import json
import re
from html import unescape
from io import BytesIO

import pytest
from PIL import Image
from support.app_fixtures import Site

from koyjabo.web.http.static_files import FOLDER

META = re.compile(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"(?: media="([^"]+)")?>')
ICONS = {"/favicon.ico": {(16, 16), (32, 32), (48, 48)}, "/apple-touch-icon.png": {(180, 180)}}
PAGES = ["/", "/login", "/signup", "/communities", "/docs", "/forgot-password", "/install"]


def meta(page: str) -> dict[str, str]:
    return {name + media: unescape(content) for name, content, media in META.findall(page)}


@pytest.mark.parametrize("language", ["en", pytest.param("bn", marks=pytest.mark.long)])
def test_pages_describe_themselves(site, language):
    for path in PAGES:
        page = site.client.get(path, headers={"Accept-Language": language, "Accept": "text/html"}).text
        said = meta(page)
        assert len(said["description"]) > 20, path
        assert said["og:description"] == said["description"]
        assert said["og:title"] in unescape(re.search(r"<title>([^<]*)</title>", page)[1])
        assert said["twitter:card"] == "summary_large_image"


def test_card_is_a_picture_at_the_public_address(sqlite_database):
    with Site(sqlite_database.url, PUBLIC_URL="https://live.example.com") as site:
        address = meta(site.client.get("/").text)["og:image"]
        assert address.startswith("https://live.example.com/static/")
        answer = site.client.get(address.removeprefix("https://live.example.com"))
    assert Image.open(BytesIO(answer.data)).size == (1200, 630)
    assert len(answer.data) < 40_000


def test_colour_of_the_browser_is_that_of_the_page(site):
    surfaces = re.search(r"--surface: light-dark\((#\w{6}), (#\w{6})\)", (FOLDER / "css" / "tokens.css").read_text())
    schemes = ("light", "dark")
    said = meta(site.client.get("/").text)
    assert [said[f"theme-color(prefers-color-scheme: {scheme})"] for scheme in schemes] == list(surfaces.groups())
    for scheme, surface in zip(schemes, surfaces.groups(), strict=True):
        chosen = meta(site.app.test_client(use_cookies=False).get("/", headers={"Cookie": f"theme={scheme}"}).text)
        assert {name: value for name, value in chosen.items() if name.startswith("theme-color")} == {
            "theme-color": surface
        }


def test_icons_are_where_they_are_looked_for(site):
    for path, sizes in ICONS.items():
        answer = site.client.get(path)
        image = Image.open(BytesIO(answer.data))
        assert getattr(image, "info", {}).get("sizes", {image.size}) == sizes
        assert answer.headers["Cache-Control"] == "public, max-age=86400"
        assert len(answer.data) < 8_000


def test_manifest_names_pictures_that_are_there(site):
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
    assert 'rel="manifest" href="/manifest.webmanifest"' in page.text
    assert "manifest-src 'self'" in page.headers["Content-Security-Policy"]


def test_crawlers_stay_out_of_panel_and_api(site):
    answer = site.client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    kept_out = {line.removeprefix("Disallow: ") for line in answer.text.splitlines() if line.startswith("Disallow")}
    assert {"/admin", "/api/", "/account"} <= kept_out
    assert not [path for path in PAGES if path.startswith(tuple(kept_out))]
