"""Draws a badge as SVG: a label and a message, each in a shape as wide as its text."""

import re
import unicodedata
from html import escape
from math import ceil
from typing import NamedTuple

VIRAMA = "\u09cd"
"""Joins the consonants around it into one sign."""

JOINED = 0.5
"""Width of a consonant after a virama, relative to its full width."""

JOINER = "\u200d"
"""Makes one picture of the emoji around it, such as a family."""

SKIN = re.compile("[\U0001f3fb-\U0001f3ff]")
"""Changes the colour of the emoji before it."""

FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")
"""One of the two letters of a flag."""

WIDE, EMOJI, RIGHT_TO_LEFT, SPACING_MARK, OTHER = 1000, 1270, 480, 300, 640
"""Widths of characters missing from the tables. Only East Asian letters have exactly this width."""

TABLES = (
    (0x20, (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636,
    636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656,
    557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613,
    635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818,
    592, 592, 525, 636, 337, 636, 838,
    )),
    (0xA0, (
    318, 401, 636, 636, 636, 636, 337, 500, 500, 1000, 471, 612, 838, 0, 1000, 500, 500, 838, 401, 401, 500, 636,
    636, 318, 500, 401, 471, 612, 969, 969, 969, 531, 684, 684, 684, 684, 684, 684, 974, 698, 632, 632, 632, 632,
    295, 295, 295, 295, 775, 748, 787, 787, 787, 787, 787, 838, 787, 732, 732, 732, 732, 611, 605, 630, 613, 613,
    613, 613, 613, 613, 982, 550, 615, 615, 615, 615, 278, 278, 278, 278, 612, 634, 612, 612, 612, 612, 612, 838,
    612, 634, 634, 634, 634, 592, 635, 592,
    )),
    (0x980, (
    676, 0, 430, 533, 0, 866, 1167, 520, 653, 780, 850, 828, 603, 0, 0, 761, 804, 0, 0, 736, 820, 700, 656, 656, 618,
    733, 540, 606, 895, 757, 1056, 546, 535, 736, 566, 605, 751, 648, 525, 561, 597, 0, 679, 731, 557, 745, 556, 576,
    551, 0, 746, 0, 0, 0, 592, 552, 661, 526, 0, 0, 0, 543, 290, 286, 286, 0, 0, 0, 0, 0, 0, 402, 420, 0, 0, 780,
    1203, 0, 534, 0, 0, 0, 0, 0, 0, 0, 0, 286, 0, 0, 0, 0, 714, 545, 0, 589, 828, 603, 0, 0, 0, 0, 650, 649, 651,
    650, 650, 649, 651, 651, 649, 649, 563, 585, 610, 498, 525, 622, 528, 168, 534, 393, 613, 486, 1040, 1040, 0, 0,
    )),
)  # fmt: skip
"""Widths in thousandths of the font size, starting at a code point: Latin letters in DejaVu Sans, which are as wide as
Verdana's, and Bengali letters in Lohit Bengali.
"""


def width_px(text: str, font_px: int) -> float:
    """A text's width: estimated if it `is_estimated`."""
    widths = 0.0
    before = ""
    for character in text:
        width = _width(character)
        if before == JOINER and width == EMOJI:
            width = 0
        widths += width * JOINED if before == VIRAMA else width
        before = character
    return widths * font_px / 1000


def is_estimated(text: str) -> bool:
    """Whether a character's width depends on the font and its neighbours."""
    return any(_in_table(character) is None and not _is_east_asian(character) for character in text)


def _in_table(character: str) -> int | None:
    for first, widths in TABLES:
        at = ord(character) - first
        if 0 <= at < len(widths):
            return widths[at]
    return None


def _is_east_asian(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF" and unicodedata.category(character) != "So"


def _width(character: str) -> int:
    """A character's width in thousandths of the font size."""
    category = unicodedata.category(character)
    if (known := _in_table(character)) is not None:
        return known
    if category == "Mc":
        return SPACING_MARK
    if category[0] in "MC" or SKIN.match(character):
        return 0
    if FLAG.match(character):
        return EMOJI // 2
    if unicodedata.bidirectional(character) in ("R", "AL"):
        return RIGHT_TO_LEFT
    if category == "So" and ord(character) >= ord("☀"):
        return EMOJI
    return WIDE if _is_east_asian(character) else OTHER


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
"""`textLength` keeps the width of the text with any installed font."""

ESTIMATED = '<text x="{middle}" y="{baseline}" fill="{fill}" text-anchor="middle">{text}</text>'
"""A text whose width is not known: no letter is stretched."""


def badge(label: str, message: str, color: str, style: str, language: str) -> str:
    """A badge as SVG. Its accessible name contains both texts. Without a label, it has one shape."""
    look = STYLES[style]
    parts = [(text, fill, width_px(text, FONT_PX)) for text, fill in ((label, LABEL), (message, color)) if text]
    shapes, texts, left = "", "", 0
    for text, fill, length in parts:
        width = ceil(length) + 2 * PADDING_PX
        shapes += SHAPE.format(left=left, width=width, height=look.height, fill=fill)
        element = ESTIMATED if is_estimated(text) else TEXT
        texts += element.format(
            left=f"{left + (width - length) / 2:.1f}",
            middle=left + width / 2,
            baseline=look.baseline,
            fill=_ink(fill),
            length=length,
            text=escape(text),
        )
        left += width
    if look.stops:
        shapes += SHAPE.format(left=0, width=left, height=look.height, fill="url(#g)")
    name = escape(": ".join(text for text, _, _ in parts))
    gradient = GRADIENT.format(stops=look.stops) if look.stops else ""
    size = {"width": left, "height": look.height, "corner": look.corner, "fonts": FONTS, "size": FONT_PX}
    return IMAGE.format(name=name, language=language, gradient=gradient, shapes=shapes, texts=texts, **size)


def _ink(background: str) -> str:
    """White or black: the one with the greater contrast on `background` (WCAG 2), at least 4.5 : 1."""
    luminance = _luminance(background)
    return LIGHT if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else DARK


def _luminance(color: str) -> float:
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
