"""Parts of URLs: the part that may be stored, and the host."""

from __future__ import annotations

import re

from koyjabo.core.sanitize import truncate

ORIGIN = re.compile(r"(?:[^/]*//)?[^/]*")


def without_query(address: str | None) -> str | None:
    """Origin and path of a URL. Queries, fragments and user names may be personal data and must not be stored."""
    return re.sub(r"[?#].*|(?<=//)[^/?#]*@", "", address, flags=re.DOTALL) or None if address else None


def page_path(page: str | None) -> str | None:
    """A page as it is stored: without its query, and cut to LONGEST_TEXT characters."""
    path = without_query(page)
    return truncate(path) if path else None


def origin_of(address: str | None) -> str | None:
    """The part of a URL before its path. For any other text, the part before the first slash."""
    match = ORIGIN.match(address) if address else None
    return match[0] or None if match else None


def host_of(address: str) -> str:
    """A URL's host without `www.`. For any other text, the part before the first slash."""
    return address.partition("://")[2].partition("/")[0].removeprefix("www.") or address.partition("/")[0]
