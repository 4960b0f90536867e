"""Members come into the rooms of their communities and leave them, and everybody hears of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from koyjabo.clock import Clock
from koyjabo.communities.live.attendance_log import Arrivals
from koyjabo.communities.live.dashboard_room import Dashboards
from koyjabo.communities.live.member_room import ONLINE, Gathering
from koyjabo.communities.live.participant import Seat, Seats
from koyjabo.communities.permissions import Rights
from koyjabo.counting.visits import Visits
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import Here, Holds
from koyjabo.realtime.events import dashboard_room, visitors_room
from koyjabo.realtime.rooms import Rooms

SETTLE_S = 0.5
"""How long one who joins waits for Redis to count them; without it they are counted by a guess."""


class Attendance:
    """Everybody of this worker who is in a room of a community."""

    def __init__(
        self,
        rooms: Rooms,
        holds: Holds,
        visits: Visits,
        dashboards: Dashboards,
        arrivals: Arrivals,
        seats: Seats,
        rights: Rights,
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._holds = holds
        self._visits = visits
        self._dashboards = dashboards
        self._arrivals = arrivals
        self._seats = seats
        self._rights = rights
        self._clock = clock

    # Coming and going.

    def take(self, seat: Seat) -> dict[str, Any] | None:
        """Let somebody in, and return the first they hear, which includes them. None for one who has gone meanwhile.

        Raises what the right does not hold for, also when it is lost meanwhile, and LedgerUnavailable. Waits.
        """
        self._seats.add(seat)  # before it is judged: a right that is lost from now on ends it
        value = None
        try:
            self._rights.require(seat.right, seat.refresh_id)
            value = self._let_in(seat) if seat.is_taken else None
        finally:
            if value is None or not seat.is_taken:
                value = None
                self._undo(seat)
        if seat.problem is not None:
            raise seat.problem
        return value

    def leave(self, seat: Seat, clean: bool = True) -> None:
        """One has gone; after an unclean end they have a grace to come back. A second time does nothing."""
        if seat.is_taken:
            seat.is_taken, seat.is_clean = False, clean
            self._seats.discard(seat)
            self._clear(seat)

    def tell(self, seat: Seat) -> dict[str, Any] | None:
        """Tell one the present value of their room, and return it; None for one who has been sent away. Waits."""
        room = self._rooms.find(self.room_of(seat)) if seat.is_taken else None
        return room.tell(seat.member) if room else None

    @staticmethod
    def room_of(seat: Seat) -> str:
        return (dashboard_room if seat.is_dashboard else visitors_room)(seat.scope)

    def _let_in(self, seat: Seat) -> dict[str, Any] | None:
        if seat.is_dashboard:
            dashboard = self._dashboards.seen(seat.scope)
            return self._rooms.admit(self.room_of(seat), lambda: dashboard, seat.member)
        numbers = self._visits.community(seat.scope)
        person = seat.right.user_id
        if not seat.is_taken:
            return None
        self._holds.hold(seat.scope, person, seat.hold_id)
        self._holds.settled(seat.scope, person, SETTLE_S)
        if not seat.is_taken:
            return None
        self._arrivals.note(seat.scope, person, numbers.figures.epoch)
        gathering = partial(Gathering, numbers, self._holds, self._clock)
        return self._rooms.admit(self.room_of(seat), gathering, seat.member)

    def _undo(self, seat: Seat) -> None:
        """Nothing of it stays, however far it was let in, and even if it left before it was on the list."""
        self.leave(seat)
        self._seats.discard(seat)
        self._clear(seat)

    def _clear(self, seat: Seat) -> None:
        name = self.room_of(seat)
        room = self._rooms.find(name)
        if room is not None:
            room.dismiss(seat.member)
            self._rooms.close_if_empty(name)
        if not seat.is_dashboard:
            end = self._holds.release if seat.is_clean else self._holds.lose
            end(seat.scope, seat.right.user_id, seat.hold_id)

    # Who is here, for those who ask.

    def online(self, *communities: str) -> list[int]:
        """How many people are online in each. Waits a moment for what is not known here yet, and not for long."""
        for each in communities:
            self._holds.online(Scope(each))  # have all of them looked up together
        knows = True
        for each in communities:
            knows = knows and self._holds.settled(Scope(each), "", SETTLE_S)
        return [self._holds.online(Scope(each)).count for each in communities]

    def people(self, scope: Scope) -> list[Here]:
        """Who is online, by user. May wait for Redis, a second at most."""
        return self._holds.people(scope)

    # What changes.

    def count_changed(self, scope: Scope) -> None:
        """Somebody has come or gone, here or elsewhere."""
        self._rooms.changed(visitors_room(scope), lambda: {ONLINE: list(self._holds.online(scope))}, ONLINE)
        self._dashboards.changed(scope)

    def tick(self) -> None:
        """What is to be done every second, whether or not anybody said something."""
        self._arrivals.tick()
        self._dashboards.tick()
        self._look_at_gatherings()

    def _look_at_gatherings(self) -> None:
        found = self._rooms.with_source(Gathering)
        for room, _ in found:
            room.changed()
        for _, gathering in found:
            if not self._visits.look(gathering.numbers):
                break  # the database is away: asking for each of them would take a second each
