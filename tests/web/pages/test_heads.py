"""Descriptions of pages for browsers, searches and previews, with their images."""

import json
import re
from html import unescape
from io import BytesIO

from PIL import Image
from support.application.site import Site

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
