"""A participant of a community's room, of either kind of client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from koyjabo.communities.permissions import Right
from koyjabo.errors import KoyJaboError
from koyjabo.models import Scope

numbers = count(1)


@dataclass(eq=False, slots=True)
class Seat:
    member: Any  # a Socket.IO client by its sid, or a plain WebSocket
    right: Right
    is_dashboard: bool  # dashboards do not count as visits
    end: Callable[[KoyJaboError], None]  # called when the permission is revoked; must not wait
    hold_id: str = field(default_factory=lambda: str(next(numbers)))
    is_taken: bool = True
    is_clean: bool = True  # whether the connection was closed cleanly
    problem: KoyJaboError | None = None  # why the permission was revoked
    refresh_id: str | None = None  # id of the refresh token that must be valid at the join

    @property
    def scope(self) -> Scope:
        return Scope(self.right.community_id)


class Seats:
    """The participants of this worker, in all communities."""

    def __init__(self) -> None:
        self._seats: dict[Seat, None] = {}
        self._seats_of: dict[str, dict[Seat, None]] = {}  # by session, user and community

    def add(self, seat: Seat) -> None:
        self._seats[seat] = None
        for whose in _whose(seat):
            self._seats_of.setdefault(whose, {})[seat] = None

    def discard(self, seat: Seat) -> None:
        """Idempotent."""
        self._seats.pop(seat, None)
        for whose in _whose(seat):
            seats = self._seats_of.get(whose, {})
            seats.pop(seat, None)
            if not seats:
                self._seats_of.pop(whose, None)

    def all(self) -> list[Seat]:
        return list(self._seats)

    def of(self, whose: str) -> list[Seat]:
        """Those of a session, of a user or in a community, by its id."""
        return list(self._seats_of.get(whose, ()))

    def census(self) -> Counter[str]:
        """How many seats are taken in each community."""
        return Counter(seat.scope for seat in list(self._seats))


def _whose(seat: Seat) -> tuple[str, str, str]:
    return seat.right.session_id, seat.right.user_id, seat.right.community_id
