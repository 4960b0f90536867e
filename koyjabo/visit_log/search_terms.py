"""Reads what people type into the search of visits."""

from __future__ import annotations

import re
import unicodedata

from koyjabo.core.i18n import ASCII_DIGITS
from koyjabo.database.text_search import LONGEST_SEARCH

LABEL = r"(?:(?:no\.?|number|visit|নং|নম্বর|ভিজিট)\s*)*(?:[#№]\s*)?"
GROUPED = r"[0-9]{1,3}(?:[,. \u00a0\u202f][0-9]{2,3})+|[0-9]+"
NUMBER = re.compile(rf"{LABEL}(?P<number>{GROUPED})", re.IGNORECASE)
LONGEST_NUMBER = 19
SEPARATOR = "·"
MOST_PARTS = 8
"""The list of visits writes at most two; each part looks through all texts of a visit."""


def plain(text: str, longest: int = LONGEST_SEARCH) -> str:
    """The beginning of a text without NUL and outer spaces, composed as stored texts are."""
    return unicodedata.normalize("NFC", text.strip()[:longest].replace("\0", "")).strip()


def ordinal(text: str) -> int | None:
    """The number of a visit as people write it: `22300`, `22,300`, `২২,৩০০`, `#22300`, `No. 22300`."""
    found = NUMBER.fullmatch(text.translate(ASCII_DIGITS))
    digits = re.sub("[^0-9]", "", found["number"]) if found else ""
    return int(digits) if 0 < len(digits) <= LONGEST_NUMBER else None


def parts(text: str) -> list[str]:
    """The texts that all have to match: `Chrome · Android`, as the list of visits writes it, has two. A text with more
    than MOST_PARTS is one.
    """
    found = [part for part in map(str.strip, text.split(SEPARATOR)) if part]
    return found if 0 < len(found) <= MOST_PARTS else [text]
