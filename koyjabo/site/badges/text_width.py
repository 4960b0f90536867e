"""Estimates how wide a text is in a badge."""

import re
import unicodedata

VIRAMA_SIGN = "\u09cd"
"""Joins the consonants around it into one sign."""

JOINED_WIDTH = 0.5
"""Width of a consonant after a virama, relative to its full width."""

JOINER = "\u200d"
"""Makes one picture of the emoji around it, such as a family."""

SKIN_COLOR = re.compile("[\U0001f3fb-\U0001f3ff]")
"""Changes the colour of the emoji before it."""

FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]")
"""One of the two letters of a flag."""

WIDE_WIDTH, EMOJI_WIDTH, RIGHT_TO_LEFT_WIDTH, SPACING_MARK_WIDTH, OTHER_WIDTH = 1000, 1270, 480, 300, 640
"""Widths of characters missing from the tables. Only East Asian letters have exactly this width."""

WIDTH_TABLES = (
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
        if before == JOINER and width == EMOJI_WIDTH:
            width = 0
        widths += width * JOINED_WIDTH if before == VIRAMA_SIGN else width
        before = character
    return widths * font_px / 1000


def is_estimated(text: str) -> bool:
    """Whether a character's width depends on the font and its neighbours."""
    return any(_in_table(character) is None and not _is_east_asian(character) for character in text)


def _in_table(character: str) -> int | None:
    for first, widths in WIDTH_TABLES:
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
        return SPACING_MARK_WIDTH
    if category[0] in "MC" or SKIN_COLOR.match(character):
        return 0
    if FLAG_LETTER.match(character):
        return EMOJI_WIDTH // 2
    if unicodedata.bidirectional(character) in ("R", "AL"):
        return RIGHT_TO_LEFT_WIDTH
    if category == "So" and ord(character) >= ord("☀"):
        return EMOJI_WIDTH
    return WIDE_WIDTH if _is_east_asian(character) else OTHER_WIDTH
