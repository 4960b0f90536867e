"""Colours as lightness, chroma and hue in OKLCH, where equal steps of lightness look equal (CSS Color 4; matrices by
Björn Ottosson, https://bottosson.github.io/posts/oklab), and the contrast of two colours (WCAG 2.2).
"""

from math import atan2, cos, hypot, sin
from typing import NamedTuple

WHITE, BLACK = "#ffffff", "#000000"
GAMUT_STEPS = 12
"""Halvings of the chroma when a colour does not exist in sRGB. The remaining error is below one step of 8 bits."""


class Oklch(NamedTuple):
    lightness: float  # 0 is black, 1 is white
    chroma: float  # 0 is grey
    hue: float  # radians

    @classmethod
    def of(cls, color: str) -> "Oklch":
        """The colour that `#rrggbb` names."""
        red, green, blue = _linear(color)
        long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
        medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
        short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
        a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
        b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
        return cls(0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short, hypot(a, b), atan2(b, a))

    def hex(self) -> str:
        """`#rrggbb`. A colour outside of sRGB becomes the nearest greyer one of the same lightness and hue."""
        low, high = 0.0, self.chroma
        if _is_inside(self._srgb(high)):
            low = high
        else:
            for _ in range(GAMUT_STEPS):
                middle = (low + high) / 2
                low, high = (middle, high) if _is_inside(self._srgb(middle)) else (low, middle)
        return "#" + "".join(f"{round(255 * min(1, max(0, part))):02x}" for part in self._srgb(low))

    def _srgb(self, chroma: float) -> list[float]:
        a, b = chroma * cos(self.hue), chroma * sin(self.hue)
        long = (self.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        medium = (self.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (self.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        linear = (
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        )
        return [12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055 for part in linear]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(background: str) -> str:
    """White or black: the one with the greater contrast, which is at least 4.5 on any colour."""
    return max(WHITE, BLACK, key=lambda ink: contrast(ink, background))


def _luminance(color: str) -> float:
    red, green, blue = _linear(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(color: str) -> list[float]:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def _is_inside(srgb: list[float]) -> bool:
    return all(-0.0005 <= part <= 1.0005 for part in srgb)
