"""The colours that a site derives from one colour, for 64 colours in equal steps of red, green and blue."""

import re
from itertools import product
from pathlib import Path

import pytest

from koyjabo.base.colours.oklch import BLACK, WHITE, Oklch, contrast, ink_on
from koyjabo.base.colours.palette import (
    DARK_SURFACES,
    DEFAULT_PALETTE,
    LIGHT_SURFACES,
    MILESTONE_TILE,
    OTHER_COLOUR,
    Palette,
    palette_of,
)
from koyjabo.web.assets.static_files import STATIC_FOLDER

STEPS = ("00", "55", "aa", "ff")
COLOURS = [*("#" + "".join(parts) for parts in product(STEPS, repeat=3)), OTHER_COLOUR]
INK = {"light": ("#14201b", "#52605a"), "dark": ("#e6eeea", "#9db0a7")}
"""`--ink` and `--quiet` of webkit/tokens.css, for text on the soft accent."""

TOKEN = re.compile(r"--([\w-]+): (?:light-dark\(([^)]+)\)|(#\w+));")


def least_contrast(palette: Palette, theme: str) -> float:
    shades = {name: getattr(shade, theme) for name, shade in palette._asdict().items()}
    surfaces = LIGHT_SURFACES if theme == "light" else DARK_SURFACES
    pairs = [
        *((shades["on_ground"], shades[name]) for name in ("ground", "ground_deep", "disc_fill")),
        *((shades["accent"], surface) for surface in (*surfaces, shades["accent_soft"])),
        *((ink, shades["accent_soft"]) for ink in INK[theme]),
        (shades["on_accent"], shades["accent"]),
        (WHITE, shades["tile"]),
        (shades["reached"], MILESTONE_TILE),
    ]
    return min(contrast(*pair) for pair in pairs)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_is_legible_in_every_colour_of_a_site(theme):
    too_low = {colour: ratio for colour in COLOURS if (ratio := least_contrast(palette_of(colour), theme)) < 4.5}
    assert too_low == {}
    assert all(contrast(ink_on(colour), colour) >= 4.5 for colour in COLOURS)


def test_the_disc_contrasts_with_its_background_in_every_colour():
    for palette in map(palette_of, COLOURS):
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
    light, dark = zip(*(tokens[name] for name in ("sunken", "surface", "raised", "overlay")), strict=True)
    assert (set(light), set(dark)) == (set(LIGHT_SURFACES), set(DARK_SURFACES))


def full(colour: str) -> str:
    return colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])


def test_the_running_hour_of_a_site_with_its_own_colour_has_the_colour_of_its_disc():
    assert "--now:var(--disc-fill)" in palette_of("#ff8c00").style()
