"""Cleans texts before they are stored, reads the lines of files, and marks sentences for translation; the languages of
people.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import count
from typing import Protocol

LONGEST_TEXT = 512
LONGEST_SEARCH = 200
"""Characters of a search that are read."""

DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LOOSE_JOINERS = re.compile(r"(?<!\S)[\u200c\u200d]+|(?<![\u200c\u200d])[\u200c\u200d]++(?!\S)")
BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols without a shape: fillers of Hangul, and a Braille pattern without dots."""

ORIGIN = re.compile(r"(?:[^/]*//)?[^/]*")

LONGEST_LINE = 1_000_000
"""Bytes of a line of a file that is imported or restored."""


class Lines(Protocol):
    def readline(self, size: int, /) -> bytes: ...


class LineTooLong(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(f"Line {number} is longer than 1 MB")
        self.number = number


def lines(file: Lines) -> Iterator[bytes]:
    """The lines of a file, in constant memory. Raises LineTooLong."""
    for number in count(1):
        line = file.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            raise LineTooLong(number)
        if not line:
            return
        yield line


LANGUAGES = {"en": "English", "bn": "বাংলা"}
"""The languages of pages and mails: names in their own language, by code. The first is the default."""

DIGITS = {"bn": str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")}
ASCII_DIGITS = {written: digit for digits in DIGITS.values() for digit, written in digits.items()}


def N_(sentence: str) -> str:  # noqa: N802  (the mark that pybabel looks for)
    """Mark a sentence for the translation catalogues; pages translate it when they show it."""
    return sentence


def truncate(value: str) -> str:
    """Cut to LONGEST_TEXT characters and made `whole`."""
    return whole(value[:LONGEST_TEXT])


def whole(value: str) -> str:
    """Replace characters that a database cannot store: lone surrogates, NUL."""
    value = value.replace("\0", "\ufffd")
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not _is_whole(value) else value


def has_visible(value: str) -> bool:
    """Whether a text has a letter, digit, sign or symbol that can be seen."""
    return any(unicodedata.category(each)[0] in "LNPS" and each not in BLANK for each in value)


def tidy_name(value: str) -> str:
    """Without marks that turn the direction of the text around the name, and without joiners outside words: within
    them Bangla needs them.
    """
    return LOOSE_JOINERS.sub("", DIRECTION_MARKS.sub("", value)).strip()


def without_query(address: str | None) -> str | None:
    """Origin and path of a URL. Queries, fragments and user names may be personal data and must not be stored."""
    return re.sub(r"[?#].*|(?<=//)[^/?#]*@", "", address, flags=re.DOTALL) or None if address else None


def page_path(page: str | None) -> str | None:
    """A page as it is stored: without its query, which may be long, then cut to LONGEST_TEXT characters."""
    path = without_query(page)
    return truncate(path) if path else None


def origin_of(address: str | None) -> str | None:
    """A URL without its path, of which the host is the same; of another text, its part before the first slash."""
    found = ORIGIN.match(address) if address else None
    return found[0] or None if found else None


def host_of(address: str) -> str:
    """The host of a URL, without `www.`; of another text, its part before the first slash."""
    return address.partition("://")[2].partition("/")[0].removeprefix("www.") or address.partition("/")[0]


def _is_whole(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
