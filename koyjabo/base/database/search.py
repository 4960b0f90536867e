"""Conditions that search a column for text that a user has typed."""

import re
import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, String, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from koyjabo.base.core.i18n import ASCII_DIGITS, LANGUAGE_DIGITS

MAX_SEARCH_LENGTH = 200
"""Maximum length of a search text, characters. The rest is ignored."""

COMPOSED_LETTERS = {
    unicodedata.normalize("NFC", letter): letter
    for letter in map(chr, range(0x0900, 0x0D00))
    if not unicodedata.is_normalized("NFC", letter)
}
"""Letters of Indian scripts that NFC takes apart, although keyboards type them as one character, such as Bangla
য়, ড় and ঢ়, by their spelling in NFC.
"""

UNUSABLE_CHARACTERS = re.compile(r"[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and half characters (surrogates), which all databases refuse."""


class lowered(FunctionElement[str]):  # noqa: N801 - named like SQLAlchemy's other functions
    """A column in lower case, for searching and sorting as people expect. PostgreSQL uses the database's collation,
    because columns compare by bytes, and bytes have no case outside of ASCII. SQLite knows only ASCII.
    """

    type = String()
    inherit_cache = True


@compiles(lowered)
def _lowered(element: lowered, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f'lower({column} COLLATE "default")' if compiler.dialect.name == "postgresql" else f"lower({column})"


def usable(text: str) -> str:
    """The text for a search: characters that databases refuse become U+FFFD, which matches nothing."""
    return UNUSABLE_CHARACTERS.sub("\ufffd", text)


def sought(text: str) -> str:
    """The text to search for: the beginning of what a user typed, in NFC, without characters that databases refuse."""
    return unicodedata.normalize("NFC", UNUSABLE_CHARACTERS.sub("", text[:MAX_SEARCH_LENGTH])).strip()


def spellings(text: str) -> list[str]:
    """`text` as keyboards and systems write it: in NFC, in NFD, and with the letters of COMPOSED_LETTERS."""
    typed = composed = unicodedata.normalize("NFC", text)
    for apart, letter in COMPOSED_LETTERS.items():
        typed = typed.replace(apart, letter)
    return sorted({text, typed, composed, unicodedata.normalize("NFD", text)})


def has(column: Any, text: str) -> ColumnElement[bool]:
    """A condition: the column contains `text`, in one of its spellings.

    SQLite ignores the case of ASCII letters only, so the text is also searched as typed.
    """
    conditions = []
    for spelling in spellings(text):
        conditions.append(column.contains(spelling, autoescape=True))
        conditions.append(lowered(column).contains(spelling.lower(), autoescape=True))
    return or_(*conditions)


def has_words(columns: tuple[Any, ...], text: str) -> list[ColumnElement[bool]]:
    """Conditions: each word of `text` is in one of the columns, with digits of any script."""
    scripts = (ASCII_DIGITS, *LANGUAGE_DIGITS.values())
    written = [{word, *(word.translate(script) for script in scripts)} for word in text.split()]
    return [or_(*(has(column, spelling) for column in columns for spelling in sorted(word))) for word in written]
