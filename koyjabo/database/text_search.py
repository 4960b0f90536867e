"""A piece of text that somebody typed, to be found in a column."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, func

UNUSABLE = re.compile(r"[\x00\ud800-\udfff]")
"""PostgreSQL takes no NUL, and nothing takes half a character."""


def usable(text: str) -> str:
    """As it can be asked for: what no database takes is nowhere to be found."""
    return UNUSABLE.sub("\ufffd", text)


def typed(text: str) -> str:
    """As it is kept: in NFC, without what no database takes."""
    return unicodedata.normalize("NFC", UNUSABLE.sub("", text)).strip()


def has(column: Any, text: str) -> ColumnElement[bool]:
    """The column has `text` in it; capitals make no difference, as far as the database knows them."""
    return func.lower(column).contains(text.lower(), autoescape=True)
