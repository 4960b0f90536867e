"""Draws a badge as SVG: a label and a message side by side, in shapes as wide as their texts."""

from __future__ import annotations

from html import escape
from math import ceil
from typing import NamedTuple

from koyjabo.badges.colors import LABEL, ink
from koyjabo.badges.text_width import width_px

PADDING_PX = 6
FONT_PX = 11
FONTS = "Verdana,Geneva,DejaVu Sans,sans-serif"

FLAT = '<stop offset="0" stop-color="#bbb" stop-opacity=".1"/><stop offset="1" stop-opacity=".1"/>'
PLASTIC = (
    '<stop offset="0" stop-color="#fff" stop-opacity=".3"/><stop offset=".1" stop-color="#aaa" stop-opacity=".1"/>'
    '<stop offset=".9" stop-opacity=".1"/><stop offset="1" stop-opacity=".3"/>'
)


class Look(NamedTuple):
    height: int
    corner: int
    baseline: int  # of the text
    stops: str  # of the gradient over both shapes


LOOKS = {
    "flat": Look(20, 3, 14, FLAT),
    "flat-square": Look(20, 0, 14, ""),
    "plastic": Look(18, 4, 13, PLASTIC),
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
    look = LOOKS[style]
    parts = [(text, fill, width_px(text, FONT_PX)) for text, fill in ((label, LABEL), (message, color)) if text]
    shapes, texts, left = "", "", 0
    for text, fill, length in parts:
        width = ceil(length) + 2 * PADDING_PX
        shapes += SHAPE.format(left=left, width=width, height=look.height, fill=fill)
        texts += _text(text, left, width, length, look.baseline, ink(fill))
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
