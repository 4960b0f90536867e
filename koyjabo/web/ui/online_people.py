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
    """The number of people online, by the id of the community."""
    return dict(zip(communities, current().communities.rooms.online(*communities), strict=True))


def people(scope: Scope, start: int, count: int) -> tuple[list[Person], int]:
    """`count` people from the offset `start`, the longest online first, and the number of all, at most 1,000.

    May wait for Redis, a second at most. Raises LedgerUnavailable.
    """
    members = current().communities.rooms.people(scope)
    listed = members[start : start + count]
    names = current().accounts.credentials.names([each.person for each in listed])
    known = [each for each in listed if each.person in names]
    return [Person(each.person, names[each.person], each.since_ms, each.connections) for each in known], len(members)
