"""Search of a column for text typed by a user."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, func

UNUSABLE = re.compile(r"[\x00\ud800-\udfff]")
"""NUL, which PostgreSQL refuses, and half characters (surrogates), which all databases refuse."""


def usable(text: str) -> str:
    """The text for a search: characters that databases refuse become U+FFFD, which matches nothing."""
    return UNUSABLE.sub("\ufffd", text)


def typed(text: str) -> str:
    """The text for storage: in NFC, without characters that databases refuse."""
    return unicodedata.normalize("NFC", UNUSABLE.sub("", text)).strip()


def has(column: Any, text: str) -> ColumnElement[bool]:
    """A condition: the column contains `text`, ignoring case as far as the database supports it."""
    return func.lower(column).contains(text.lower(), autoescape=True)
