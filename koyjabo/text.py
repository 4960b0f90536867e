"""Texts as they are kept: cut to a length, without what no database holds and what is not ours to keep;
and the mark of sentences for translators.
"""

from __future__ import annotations

import re

LONGEST_TEXT = 512


def N_(sentence: str) -> str:  # noqa: N802  (the mark that pybabel looks for)
    """Mark a sentence for the catalogues of translations where it stands; pages translate it when they show it."""
    return sentence


def truncate(value: str) -> str:
    """Cut, not refused, and made `whole`."""
    return whole(value[:LONGEST_TEXT])


def whole(value: str) -> str:
    """What no database can hold (half a surrogate pair, NUL) is replaced."""
    value = value.replace("\0", "\ufffd")
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if not _is_whole(value) else value


def without_query(address: str | None) -> str | None:
    """Origin and path: queries, fragments and user names carry what people typed, and are not ours to keep."""
    return re.sub(r"[?#].*|(?<=//)[^/?#]*@", "", address, flags=re.DOTALL) or None if address else None


def _is_whole(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
