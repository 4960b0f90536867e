"""Colours have enough contrast (WCAG 2.2, 1.4.3, 1.4.11), and the built files are up to date."""

import gzip
import re
from itertools import combinations
from typing import Any

import pytest

from koyjabo.web.assets.static_files import STATIC_FOLDER

STYLE = (STATIC_FOLDER / "webkit" / "tokens.css").read_text()
COLOURS = {
    name: dict(zip(("light", "dark"), values, strict=True))
    for name, *values in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE)
}
SURFACES = ("sunken", "surface", "raised", "overlay")
STATES = ("accent", "good", "warning", "danger", "info")
SERIES = [f"series-{number}" for number in range(1, 4)]

themes = pytest.mark.parametrize("theme", ["light", "dark"])


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, definitions)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(theme: str, one: str, other: str) -> float:
    darker, lighter = sorted(luminance(COLOURS[name][theme]) for name in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def below(theme: str, pairs: Any, least: float) -> dict[tuple[str, str], float]:
    return {pair: ratio for pair in pairs if (ratio := contrast(theme, *pair)) < least}


@themes
def test_a_word_has_enough_contrast_on_every_surface(theme):
    pairs = [(word, surface) for word in ("ink", "quiet", *STATES) for surface in SURFACES]
    pairs += [("on-accent", "accent"), *((word, "accent-soft") for word in ("ink", "quiet"))]
    assert below(theme, [*pairs, *((state, f"{state}-soft") for state in STATES)], 4.5) == {}


@themes
def test_edges_of_controls_and_the_focus_ring_have_enough_contrast(theme):
    pairs = [(edge, surface) for edge in ("edge-strong", "focus") for surface in SURFACES]
    assert below(theme, pairs, 3) == {}


@themes
def test_the_series_of_a_chart_have_enough_contrast_and_differ_in_luminance(theme):
    assert below(theme, [(series, surface) for series in SERIES for surface in ("surface", "raised")], 3) == {}
    assert below(theme, combinations(SERIES, 2), 2) == {}


VENDOR, PACKAGE = STATIC_FOLDER / "vendor", STATIC_FOLDER.parent
NAMES = re.compile(r'(?:icon|draw)\("([a-z0-9-]+)"\)|icon="([a-z0-9-]+)"')


def test_icons_and_the_map_and_the_digits_have_at_most_their_limit_of_bytes():
    fonts = [VENDOR / f"digits-{script}.woff2" for script in ("latin", "bengali")]
    assert len((VENDOR / "icons.svg").read_bytes()) <= 4096
    assert len(gzip.compress((VENDOR / "bangladesh.svg").read_bytes())) <= 25_000
    assert sum(font.stat().st_size for font in fonts) <= 8192


def test_pages_use_only_icons_that_exist():
    drawn = set(re.findall(r'<path id="([^"]+)"', (VENDOR / "icons.svg").read_text()))
    templates = "".join(path.read_text() for path in (PACKAGE / "templates").rglob("*.html"))
    features = "".join(path.read_text() for path in PACKAGE.rglob("__init__.py"))
    named = {name for pair in NAMES.findall(templates) for name in pair if name}
    sections = set(re.findall(r'PanelPage\([\w".]+, N_\("[^"]+"\), "([a-z0-9-]+)"', features))
    assert len(sections) == 6
    named |= sections
    assert named > {"x", "copy", "gauge"}
    assert named - drawn == set()
