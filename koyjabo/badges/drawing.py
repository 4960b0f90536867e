"""Draws a badge as SVG: a label and a message side by side, in shapes as wide as their texts."""

from __future__ import annotations

from html import escape
from math import ceil
from typing import NamedTuple

from koyjabo.badges.text_width import width_px

LABEL, PROBLEM = "#555555", "#c0392b"
LIGHT, DARK = "#ffffff", "#000000"

PADDING_PX = 6
FONT_PX = 11
FONTS = "Verdana,Geneva,DejaVu Sans,sans-serif"

FLAT = '<stop offset="0" stop-color="#bbb" stop-opacity=".1"/><stop offset="1" stop-opacity=".1"/>'
PLASTIC = (
    '<stop offset="0" stop-color="#fff" stop-opacity=".3"/><stop offset=".1" stop-color="#aaa" stop-opacity=".1"/>'
    '<stop offset=".9" stop-opacity=".1"/><stop offset="1" stop-opacity=".3"/>'
)


class BadgeStyle(NamedTuple):
    height: int
    corner: int
    baseline: int  # of the text
    stops: str  # of the gradient over both shapes


STYLES = {
    "flat": BadgeStyle(20, 3, 14, FLAT),
    "flat-square": BadgeStyle(20, 0, 14, ""),
    "plastic": BadgeStyle(18, 4, 13, PLASTIC),
}

IMAGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" lang="{language}"'
    ' aria-label="{name}"><title>{name}</title>{gradient}'
    '<clipPath id="r"><rect width="{width}" height="{height}" rx="{corner}"/></clipPath>'
    '<g clip-path="url(#r)">{shapes}</g>'
    '<g font-family="{fonts}" font-size="{size}" text-rendering="geometricPrecision" aria-hidden="true">'
    "{texts}</g></svg>"
)
GRADIENT = '<linearGradient id="g" x2="0" y2="100%">{stops}</linearGradient>'
SHAPE = '<rect x="{left}" width="{width}" height="{height}" fill="{fill}"/>'
TEXT = (
    '<text x="{left}" y="{baseline}" fill="{fill}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs">'
    "{text}</text>"
)
"""`textLength` keeps the text in its shape whatever fonts there are."""


def badge(label: str, message: str, color: str, style: str, language: str) -> str:
    """An SVG whose accessible name is both texts. Without a label it has one shape."""
    look = STYLES[style]
    parts = [(text, fill, width_px(text, FONT_PX)) for text, fill in ((label, LABEL), (message, color)) if text]
    shapes, texts, left = "", "", 0
    for text, fill, length in parts:
        width = ceil(length) + 2 * PADDING_PX
        shapes += SHAPE.format(left=left, width=width, height=look.height, fill=fill)
        texts += _text(text, left, width, length, look.baseline, _ink(fill))
        left += width
    if look.stops:
        shapes += SHAPE.format(left=0, width=left, height=look.height, fill="url(#g)")
    name = escape(": ".join(text for text, _, _ in parts))
    gradient = GRADIENT.format(stops=look.stops) if look.stops else ""
    known = {"width": left, "height": look.height, "corner": look.corner, "fonts": FONTS, "size": FONT_PX}
    return IMAGE.format(name=name, language=language, gradient=gradient, shapes=shapes, texts=texts, **known)


def _text(text: str, left: int, width: int, length: float, baseline: int, fill: str) -> str:
    middle = left + (width - length) / 2
    return TEXT.format(left=f"{middle:.1f}", baseline=baseline, fill=fill, length=length, text=escape(text))


def _ink(background: str) -> str:
    """White or black: the one with the greater contrast on `background` (WCAG 2), which is 4.5 : 1 or more."""
    luminance = _luminance(background)
    return LIGHT if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else DARK


def _luminance(color: str) -> float:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
