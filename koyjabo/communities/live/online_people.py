"""The people online in a community, with their names. Callers check the permission."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from koyjabo.core.clock import iso
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import OnlineMember


class Person(NamedTuple):
    """A person who is online."""

    user_id: str
    name: str
    since_ms: int
    tabs: int  # open sockets; 0 during the grace period after a lost connection

    def as_object(self) -> dict[str, str | int]:
        return {"user_id": self.user_id, "name": self.name, "since": iso(self.since_ms), "tabs": self.tabs}


class OnlinePeople:
    """`members` are those online in a scope, the longest first; `names` returns names by user id, without unknown
    ids.
    """

    def __init__(
        self, members: Callable[[Scope], list[OnlineMember]], names: Callable[[Collection[str]], dict[str, str]]
    ) -> None:
        self._members = members
        self._names = names

    def page(self, scope: Scope, start: int, count: int) -> tuple[list[Person], int]:
        """`count` people from the offset `start`, the longest online first, and the number of all, at most 1,000.

        May wait for Redis, a second at most. Raises LedgerUnavailable.
        """
        members = self._members(scope)
        listed = members[start : start + count]
        names = self._names([each.person for each in listed])
        known = [each for each in listed if each.person in names]
        people = [Person(each.person, names[each.person], each.since_ms, each.connections) for each in known]
        return people, len(members)
