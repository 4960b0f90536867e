"""Cleans texts before they are stored."""

import re
import unicodedata

MAX_TEXT_LENGTH = 512

WHITE_SPACE = "\u200b\ufeff" + "".join(filter(str.isspace, map(chr, range(0x3001))))
"""Includes two characters without width: the zero-width space, and the mark at the beginning of files from Windows."""

DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LOOSE_JOINERS = re.compile(r"(?<!\S)[\u200c\u200d]+|(?<![\u200c\u200d])[\u200c\u200d]++(?!\S)")
BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that are invisible: Hangul fillers, and a Braille pattern without dots."""


def truncate(value: str) -> str:
    """Cut a text to MAX_TEXT_LENGTH characters, and make it `whole`."""
    return whole(value[:MAX_TEXT_LENGTH])


def whole(value: str) -> str:
    """Replace characters that a database cannot store: lone surrogates, NUL."""
    value = value.replace("\0", "\ufffd")
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def stripped(text: str) -> str:
    """The text without white space at its ends, such as the line break that `echo` adds."""
    return text.strip(WHITE_SPACE)


def has_visible(value: str) -> bool:
    """Whether a text has a visible letter, digit, sign or symbol."""
    return any(unicodedata.category(char)[0] in "LNPS" and char not in BLANK_LETTERS for char in value)


def tidy_name(value: str) -> str:
    """Remove marks that would change the direction of surrounding text, and joiners outside of words. Bangla needs
    joiners within words.
    """
    return LOOSE_JOINERS.sub("", DIRECTION_MARKS.sub("", value)).strip()
