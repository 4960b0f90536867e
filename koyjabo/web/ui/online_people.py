"""The people online in a community, with their names. Callers check the permission."""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.models import Scope
from koyjabo.web.current import current


class Person(NamedTuple):
    """A person who is online."""

    user_id: str
    name: str
    since_ms: int
    tabs: int  # open sockets; 0 during the grace period after a lost connection


def online(communities: list[str]) -> dict[str, int]:
    """How many people are online, by the id of the community."""
    return dict(zip(communities, current().communities.rooms.online(*communities), strict=True))


def people(scope: Scope, start: int, count: int) -> tuple[list[Person], int]:
    """`count` of those who are here after the first `start`, the longest first, and how many there are, 1,000 at most.

    May wait for Redis, a second at most. Raises LedgerUnavailable.
    """
    everybody = current().communities.rooms.people(scope)
    here = everybody[start : start + count]
    names = current().accounts.credentials.names([each.person for each in here])
    known = [each for each in here if each.person in names]
    return [Person(each.person, names[each.person], each.since_ms, each.connections) for each in known], len(everybody)
