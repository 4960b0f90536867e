"""The colours that a site derives from one colour, for 64 colours in equal steps of red, green and blue."""

import re
from itertools import product
from pathlib import Path

import pytest

from koyjabo.base.colours.oklch import BLACK, WHITE, Oklch, contrast, ink_on
from koyjabo.base.colours.palette import (
    DEFAULT_PALETTE,
    INK,
    MILESTONE_TILE,
    OTHER_COLOUR,
    SURFACES,
    Palette,
    palette_of,
)
from koyjabo.web.assets.static_files import STATIC_FOLDER

STEPS = ("00", "55", "aa", "ff")
EXTREMES = ("#010101", "#0a0a14", "#fff8dc", "#fefefe")
COLOURS = [*("#" + "".join(parts) for parts in product(STEPS, repeat=3)), OTHER_COLOUR, *EXTREMES]
PALETTES = {"": DEFAULT_PALETTE} | {colour: palette_of(colour) for colour in COLOURS}
TEXTS = {"light": ("#52605a", "#17692f", "#a8232b"), "dark": ("#9db0a7", "#6cd58a", "#ff938c")}
"""`--quiet`, `--good` and `--danger` of webkit/tokens.css."""

TOKEN = re.compile(r"--([\w-]+): (?:light-dark\(([^)]+)\)|(#\w+));")


def least_contrast(palette: Palette, theme: str) -> float:
    shades = {name: getattr(shade, theme) for name, shade in palette._asdict().items()}
    backgrounds = [shades[name] for name in (*SURFACES, "accent_soft", "tint")]
    texts = (INK[theme == "dark"], *TEXTS[theme], shades["accent"])
    pairs = [
        *((shades["on_ground"], shades[name]) for name in ("ground", "ground_deep", "disc_fill")),
        *product(texts, backgrounds),
        (shades["on_accent"], shades["accent"]),
        (WHITE, shades["tile"]),
        (shades["reached"], MILESTONE_TILE),
    ]
    return min(contrast(*pair) for pair in pairs)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_is_legible_in_every_colour_of_a_site(theme):
    too_low = {colour: ratio for colour, palette in PALETTES.items() if (ratio := least_contrast(palette, theme)) < 4.5}
    assert too_low == {}
    assert all(contrast(ink_on(colour), colour) >= 4.5 for colour in COLOURS)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_bars_contrast_with_their_card_and_with_the_other_series_in_every_colour(theme):
    for colour, palette in PALETTES.items():
        card, bars, compared = (getattr(shade, theme) for shade in (palette.raised, palette.series, palette.tint))
        assert contrast(bars, card) >= 3, colour
        assert min(contrast(bars, compared), contrast(bars, INK[theme == "dark"])) >= 2, colour


def test_a_grey_site_has_grey_bars_and_surfaces():
    for grey in ("#" + 3 * step for step in STEPS):
        shades = (shade for name in ("series", "tint", *SURFACES) for shade in getattr(PALETTES[grey], name))
        assert all(shade[1:3] == shade[3:5] == shade[5:7] for shade in shades), grey


def test_the_disc_contrasts_with_its_background_in_every_colour():
    for palette in PALETTES.values():
        for ground, disc in zip(palette.ground, palette.disc_fill, strict=True):
            assert abs(Oklch.of(ground).lightness - Oklch.of(disc).lightness) > 0.05
        assert contrast(palette.ground.dark, palette.disc_fill.dark) > 1.45


def test_a_colour_survives_its_conversion_to_lightness_chroma_and_hue():
    assert [Oklch.of(colour).hex() for colour in COLOURS] == COLOURS
    assert Oklch.of(WHITE).lightness == pytest.approx(1)
    assert Oklch.of(BLACK).lightness == 0


def test_the_style_sheets_have_the_colours_of_the_default_palette():
    text = Path(STATIC_FOLDER, "webkit/tokens.css").read_text()
    tokens = {name: [*map(full, (pair or one).split(", "))] for name, pair, one in TOKEN.findall(text)}
    for name, shade in DEFAULT_PALETTE._asdict().items():
        assert set(tokens[name.replace("_", "-")]) == set(shade), name
    assert set(tokens["ink"]) == set(INK)


def full(colour: str) -> str:
    return colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])


def test_the_running_hour_of_a_site_with_its_own_colour_has_the_colour_of_its_disc():
    assert "--now:var(--disc-fill)" in palette_of("#ff8c00").style()
