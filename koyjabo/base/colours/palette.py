"""The colours of a site, for light and dark themes. Each pair of text and background has a contrast of 4.5 or more."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from .oklch import WHITE, Oklch, contrast

OTHER_COLOUR = "#2f5488"
"""The colour of a site with another name and no chosen colour. The flag's colours are Koy Jabo's."""

TEXT_CONTRAST = 4.6
"""A little above the 4.5 of WCAG 2.2, so that no rounding falls below it."""

WHITE_INK_CONTRAST = 3
"""Minimum contrast of white text on a chosen colour. Below, the text is dark; above, the colour is darkened."""

DISC_STEP, DARK_DISC_STEP, DEEP_STEP = 0.11, 0.18, 0.07
"""Difference in lightness of the ground to the disc on it, in light and dark themes, and to its deep end."""

MIN_DISC = 0.29
"""Minimum lightness of the disc below white text, so that it shows on black."""

MAX_DARK_GROUND = 0.36
"""Maximum lightness of the ground in dark themes."""

MILESTONE_TILE = "#e4e4e4"
"""The darkest part of a tile at a milestone (counting/hero.css)."""

SURFACES = {"sunken": (0.948, 0.155), "surface": (0.972, 0.18), "raised": (1, 0.22), "overlay": (1, 0.265)}
"""Lightness in light and dark themes."""

SURFACE_CHROMA = 0.007
"""Maximum chroma of surfaces, which look nearly grey."""

INK = ("#14201b", "#e6eeea")
"""`--ink` of webkit/tokens.css, which draws a line over the bars of a chart."""

MARK_CONTRAST, SERIES_CONTRAST = 3.05, 2.05
"""Minimum contrast of bars with their card (WCAG 2.2, 1.4.11), and of two series of a chart."""


class Shade(NamedTuple):
    light: str  # #rrggbb, in light themes
    dark: str


class Palette(NamedTuple):
    """The fields are tokens of webkit/tokens.css."""

    ground: Shade  # large areas: the first screen, headers of communities
    ground_deep: Shade  # the end of the ground's gradient
    disc_fill: Shade  # the disc behind the total
    on_ground: Shade  # text on all three
    tile: Shade  # behind a white digit of the total
    reached: Shade  # digits on white, at a milestone
    accent: Shade  # links, buttons, marks of what is chosen
    on_accent: Shade
    accent_soft: Shade  # behind text in the accent
    series: Shade  # bars
    tint: Shade  # what bars are compared with; figures in dark themes; behind text
    sunken: Shade
    surface: Shade  # the page
    raised: Shade  # cards
    overlay: Shade

    def style(self) -> str:
        """A style sheet that sets the tokens."""
        tokens = "".join(
            f"--{name.replace('_', '-')}:light-dark({shade.light},{shade.dark});"
            for name, shade in zip(self._fields, self, strict=True)
        )
        return f":root{{{tokens}--now:var(--disc-fill)}}"


DEFAULT_PALETTE = Palette(
    ground=Shade("#006a4e", "#005a42"),
    ground_deep=Shade("#00412f", "#00412f"),
    disc_fill=Shade("#d91f38", "#d91f38"),
    on_ground=Shade(WHITE, WHITE),
    tile=Shade("#142720", "#142720"),
    reached=Shade("#b3122a", "#b3122a"),
    accent=Shade("#006a4e", "#3ecf8e"),
    on_accent=Shade(WHITE, "#05261a"),
    accent_soft=Shade("#dbefe6", "#11372a"),
    series=Shade("#006a4e", "#2fa773"),
    tint=Shade("#c3e0d1", "#1a4434"),
    sunken=Shade("#ecf1ee", "#090d0b"),
    surface=Shade("#f6f8f7", "#0e1311"),
    raised=Shade(WHITE, "#161d1a"),
    overlay=Shade(WHITE, "#1f2824"),
)
"""Koy Jabo's own colours, as in webkit/tokens.css."""


@lru_cache(maxsize=64)
def palette_of(color: str) -> Palette:
    """The palette of a colour, `#rrggbb`."""
    own = Oklch.of(color)
    ground, deep, disc, ink = _ground(own, DISC_STEP)
    dark = own._replace(lightness=min(own.lightness, MAX_DARK_GROUND))
    dark_ground, dark_deep, dark_disc, dark_ink = _ground(dark, DARK_DISC_STEP)
    soft, dark_soft = own._replace(lightness=0.94, chroma=min(own.chroma, 0.03)).hex(), _toned(own, 0.31, 0.045)
    tint, dark_tint = _toned(own, 0.887, 0.045), _toned(own, 0.355, 0.06)
    surfaces = {
        name: Shade(_toned(own, light, SURFACE_CHROMA), _toned(own, dark, 2 * SURFACE_CHROMA))
        for name, (light, dark) in SURFACES.items()
    }
    lights, darks = zip(*surfaces.values(), strict=True)
    bright = own._replace(lightness=max(own.lightness, 0.6))
    accent = _legible(own, [*lights, soft, tint], -1)
    dark_accent = _legible(bright, [*darks, dark_soft, dark_tint], 1)
    series = _moved(_moved(Oklch.of(ground), WHITE, -1, MARK_CONTRAST), INK[0], 1, SERIES_CONTRAST)
    dark_series = _moved(bright._replace(chroma=min(own.chroma, 0.17)), INK[1], -1, SERIES_CONTRAST)
    tile, reached = _toned(own, 0.25, 0.04), _legible(own, [MILESTONE_TILE], -1)
    return Palette(
        ground=Shade(ground, dark_ground),
        ground_deep=Shade(deep, dark_deep),
        disc_fill=Shade(disc, dark_disc),
        on_ground=Shade(ink, dark_ink),
        tile=Shade(tile, tile),
        reached=Shade(reached, reached),
        accent=Shade(accent, dark_accent),
        on_accent=Shade(WHITE, _legible(own._replace(lightness=0.25, chroma=min(own.chroma, 0.04)), [dark_accent], -1)),
        accent_soft=Shade(soft, dark_soft),
        series=Shade(series.hex(), dark_series.hex()),
        tint=Shade(tint, dark_tint),
        **surfaces,
    )


def _ground(own: Oklch, step: float) -> tuple[str, str, str, str]:
    """The ground, its deep end, the disc, and their text. Light colours get dark text: darker ones look brown."""
    if contrast(WHITE, own.hex()) >= WHITE_INK_CONTRAST:
        ground = _moved(own, WHITE, -1)
        disc = ground._replace(lightness=max(MIN_DISC, ground.lightness + step))
        if contrast(WHITE, disc.hex()) < TEXT_CONTRAST:
            disc = ground._replace(lightness=ground.lightness - step)
        deep = ground._replace(lightness=max(0, ground.lightness - DEEP_STEP))
        return ground.hex(), deep.hex(), disc.hex(), WHITE
    ink = _toned(own, 0.22, 0.04)
    deep = _moved(own._replace(lightness=own.lightness - DEEP_STEP), ink, 1)
    disc = _moved(own._replace(lightness=own.lightness - step), ink, 1)
    ground = own._replace(lightness=max(own.lightness, disc.lightness + step / 2))
    return ground.hex(), deep.hex(), disc.hex(), ink


def _toned(own: Oklch, lightness: float, chroma: float) -> str:
    return own._replace(lightness=lightness, chroma=min(own.chroma, chroma)).hex()


def _moved(color: Oklch, other: str, direction: int, ratio: float = TEXT_CONTRAST) -> Oklch:
    """The nearest colour, in steps of lightness towards black (-1) or white (1), with this contrast to `other`."""
    while contrast(color.hex(), other) < ratio and 0 <= (lightness := color.lightness + direction * 0.01) <= 1:
        color = color._replace(lightness=lightness)
    return color


def _legible(color: Oklch, backgrounds: Iterable[str], direction: int) -> str:
    """The nearest colour in a direction that is legible on all backgrounds."""
    for background in backgrounds:
        color = _moved(color, background, direction)
    return color.hex()
