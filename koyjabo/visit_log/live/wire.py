"""The parts of a feed as they are sent: JSON of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koyjabo.visit_log.live.feed_queries import LiveVisit

LONGEST_PAGE, LONGEST_NAME = 300, 150
"""Bytes of JSON, so that a visit with two names, a place and a page has less than 1 KB."""

ESCAPED, ESCAPED_PAIR = 6, 12
"""Bytes of a character that JSON in ASCII writes as `\\\\u0995`, and as two of those."""

Part = Mapping[str, Any]


def visit(found: LiveVisit) -> dict[str, Any]:
    return {
        "id": found.id,
        "ordinal": found.ordinal,
        "at": found.at_ms,
        "place": short(found.place, LONGEST_NAME),
        "page": short(found.page or "", LONGEST_PAGE),
        "browser": found.browser.name,
        "system": found.browser.system,
        **({"bot": True} if found.is_bot else {}),
        **_named("community", found.community_id, found.community),
        **_named("user", found.user_id, found.user),
    }


def short(text: str, most: int) -> str:
    """Cut a text to `most` bytes of JSON, with … at its end."""
    size = 0
    for at, character in enumerate(text):
        size += _size(character)
        if size > most:
            return text[:at] + "…"
    return text


def difference(before: Part, now: Part) -> dict[str, Any]:
    """The new and changed values, and None for removed ones."""
    changed = {key: value for key, value in now.items() if key not in before or before[key] != value}
    return {**changed, **{key: None for key in before if key not in now}}


def _named(kind: str, its_id: str | None, name: str | None) -> dict[str, dict[str, str]]:
    return {kind: {"id": its_id, "name": short(name or "", LONGEST_NAME)}} if its_id else {}


def _size(character: str) -> int:
    if " " <= character <= "~":
        return 2 if character in '"\\' else 1
    return ESCAPED if character <= "\uffff" else ESCAPED_PAIR
