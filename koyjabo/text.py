"""Cleans texts before they are stored, and marks sentences for translation; the languages of people."""

from __future__ import annotations

import re

LONGEST_TEXT = 512

LANGUAGES = {"en": "English", "bn": "বাংলা"}
"""The languages of pages and mails: names in their own language, by code. The first is the default."""

DIGITS = {"bn": str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")}


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


def without_query(address: str | None) -> str | None:
    """Origin and path of a URL. Queries, fragments and user names may be personal data and must not be stored."""
    return re.sub(r"[?#].*|(?<=//)[^/?#]*@", "", address, flags=re.DOTALL) or None if address else None


def _is_whole(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
