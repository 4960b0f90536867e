"""Conditions that search a column for text that a user has typed."""

import re
import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, func, or_

from koyjabo.base.core.i18n import ASCII_DIGITS, LANGUAGE_DIGITS

MAX_SEARCH_LENGTH = 200
"""Maximum length of a search text, characters. The rest is ignored."""

UNUSABLE_CHARACTERS = re.compile(r"[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and half characters (surrogates), which all databases refuse."""


def usable(text: str) -> str:
    """The text for a search: characters that databases refuse become U+FFFD, which matches nothing."""
    return UNUSABLE_CHARACTERS.sub("\ufffd", text)


def sought(text: str) -> str:
    """The text to search for: the beginning of what a user typed, in NFC, without characters that databases refuse."""
    return unicodedata.normalize("NFC", UNUSABLE_CHARACTERS.sub("", text[:MAX_SEARCH_LENGTH])).strip()


def has(column: Any, text: str) -> ColumnElement[bool]:
    """A condition: the column contains `text`.

    SQLite ignores the case of ASCII letters only, so the text is also searched as typed.
    """
    return or_(column.contains(text, autoescape=True), func.lower(column).contains(text.lower(), autoescape=True))


def has_words(columns: tuple[Any, ...], text: str) -> list[ColumnElement[bool]]:
    """Conditions: each word of `text` is in one of the columns, with digits of any script."""
    scripts = (ASCII_DIGITS, *LANGUAGE_DIGITS.values())
    written = [{word, *(word.translate(script) for script in scripts)} for word in text.split()]
    return [or_(*(has(column, spelling) for column in columns for spelling in sorted(word))) for word in written]
