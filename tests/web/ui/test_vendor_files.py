"""Files that `make assets` makes for the pages: icons, digits and maps."""

from __future__ import annotations

import gzip
import re

from koyjabo.web.http.static_files import FOLDER

VENDOR, PACKAGE = FOLDER / "vendor", FOLDER.parent
NAMES = re.compile(r'(?:icon|draw)\("([a-z0-9-]+)"\)|icon="([a-z0-9-]+)"')


def test_icons_weigh_at_most_4_kb():
    assert len((VENDOR / "icons.svg").read_bytes()) <= 4096


def test_pages_name_only_icons_that_are_there():
    drawn = set(re.findall(r'<path id="([^"]+)"', (VENDOR / "icons.svg").read_text()))
    templates = "".join(path.read_text() for path in (PACKAGE / "templates").rglob("*.html"))
    navigation = (PACKAGE / "web" / "admin" / "navigation.py").read_text()
    named = {name for pair in NAMES.findall(templates) for name in pair if name}
    named |= set(re.findall(r'Entry\("[\w.]+", _\("[^"]+"\), "([a-z0-9-]+)"', navigation))
    assert named > {"x", "copy", "gauge"}
    assert named - drawn == set()


def test_maps_weigh_at_most_25_kb_packed():
    for name in ("world.svg", "bangladesh.svg"):
        assert len(gzip.compress((VENDOR / name).read_bytes())) <= 25_000, name


def test_dots_of_both_maps_and_their_positions_weigh_at_most_5_kb_packed():
    assert sum(len(gzip.compress((VENDOR / name).read_bytes())) for name in ("dots.svg", "dots.json")) <= 5_000


def test_digits_of_both_scripts_weigh_at_most_8_kb():
    fonts = [VENDOR / f"digits-{script}.woff2" for script in ("latin", "bengali")]
    assert all(font.read_bytes()[:4] == b"wOF2" for font in fonts)
    assert sum(font.stat().st_size for font in fonts) <= 8192
