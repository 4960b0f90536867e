"""Draws a badge as SVG: a label and a message, each in a shape as wide as its text."""

from html import escape
from math import ceil
from typing import NamedTuple

from koyjabo.base.colours.oklch import ink_on
from .text_width import is_estimated, width_px

LABEL_COLOR, PROBLEM_COLOR = "#555555", "#c0392b"
PADDING_PX = 6
FONT_PX = 11
FONTS = "Verdana,Geneva,DejaVu Sans,sans-serif"
FLAT_STOPS = '<stop offset="0" stop-color="#bbb" stop-opacity=".1"/><stop offset="1" stop-opacity=".1"/>'

PLASTIC_STOPS = (
    '<stop offset="0" stop-color="#fff" stop-opacity=".3"/><stop offset=".1" stop-color="#aaa" stop-opacity=".1"/>'
    '<stop offset=".9" stop-opacity=".1"/><stop offset="1" stop-opacity=".3"/>'
)

IMAGE_ELEMENT = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" lang="{language}"'
    ' aria-label="{name}"><title>{name}</title>{gradient}'
    '<clipPath id="r"><rect width="{width}" height="{height}" rx="{corner}"/></clipPath>'
    '<g clip-path="url(#r)">{shapes}</g>'
    '<g font-family="{fonts}" font-size="{size}" text-rendering="geometricPrecision" aria-hidden="true">'
    "{texts}</g></svg>"
)

GRADIENT_ELEMENT = '<linearGradient id="g" x2="0" y2="100%">{stops}</linearGradient>'
SHAPE_ELEMENT = '<rect x="{left}" width="{width}" height="{height}" fill="{fill}"/>'

TEXT_ELEMENT = (
    '<text x="{left}" y="{baseline}" fill="{fill}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs">'
    "{text}</text>"
)
"""`textLength` keeps the width of the text with any installed font."""

ESTIMATED_TEXT_ELEMENT = '<text x="{middle}" y="{baseline}" fill="{fill}" text-anchor="middle">{text}</text>'
"""A text whose width is not known: no letter is stretched."""


class BadgeStyle(NamedTuple):
    height: int
    corner: int
    baseline: int  # of the text
    stops: str  # of the gradient over both shapes


STYLES = {
    "flat": BadgeStyle(20, 3, 14, FLAT_STOPS),
    "flat-square": BadgeStyle(20, 0, 14, ""),
    "plastic": BadgeStyle(18, 4, 13, PLASTIC_STOPS),
}


def badge(label: str, message: str, color: str, style: str, language: str) -> str:
    """A badge as SVG. Its accessible name contains both texts. Without a label, it has one shape."""
    look = STYLES[style]
    parts = [(text, fill, width_px(text, FONT_PX)) for text, fill in ((label, LABEL_COLOR), (message, color)) if text]
    shapes, texts, left = "", "", 0
    for text, fill, length in parts:
        width = ceil(length) + 2 * PADDING_PX
        shapes += SHAPE_ELEMENT.format(left=left, width=width, height=look.height, fill=fill)
        element = ESTIMATED_TEXT_ELEMENT if is_estimated(text) else TEXT_ELEMENT
        texts += element.format(
            left=f"{left + (width - length) / 2:.1f}",
            middle=left + width / 2,
            baseline=look.baseline,
            fill=ink_on(fill),
            length=length,
            text=escape(text),
        )
        left += width
    if look.stops:
        shapes += SHAPE_ELEMENT.format(left=0, width=left, height=look.height, fill="url(#g)")
    name = escape(": ".join(text for text, _, _ in parts))
    gradient = GRADIENT_ELEMENT.format(stops=look.stops) if look.stops else ""
    size = {"width": left, "height": look.height, "corner": look.corner, "fonts": FONTS, "size": FONT_PX}
    return IMAGE_ELEMENT.format(name=name, language=language, gradient=gradient, shapes=shapes, texts=texts, **size)
