"""Lets members join and leave the rooms of their communities, and publishes the changes."""

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
"""How long a join waits for Redis to count the member; after that, the count is an estimate."""


class Attendance:
    """The participants of community rooms on this worker."""

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

    # Joining and leaving.

    def take(self, seat: Seat) -> dict[str, Any] | None:
        """Add a participant to a room and return their first event, which counts them. None if they left meanwhile.

        Raises the reason if a permission is missing or is revoked meanwhile; LedgerUnavailable. Waits.
        """
        self._seats.add(seat)  # before the check, so that a permission revoked from now on ends it
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
        """Remove a participant. After an unclean end, their connection counts for the grace period. Idempotent."""
        if seat.is_taken:
            seat.is_taken, seat.is_clean = False, clean
            self._seats.discard(seat)
            self._clear(seat)

    def tell(self, seat: Seat) -> dict[str, Any] | None:
        """Send a participant the current value of their room and return it; None if they have left it. Waits."""
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
        """Undo a join completely, at any stage, even if the participant left before they were added."""
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

    # Queries.

    def online(self, *communities: str) -> list[int]:
        """The number of people online in each community. Waits at most SETTLE_S for each count that is not known yet,
        until the first wait has failed."""
        for each in communities:
            self._holds.online(Scope(each))  # schedules one read for all of them
        is_answering = True
        for each in communities:
            is_answering = is_answering and self._holds.settled(Scope(each), "", SETTLE_S)
        return [self._holds.online(Scope(each)).count for each in communities]

    def people(self, scope: Scope) -> list[Here]:
        """The people online, one entry for each user. May wait for Redis, a second at most."""
        return self._holds.people(scope)

    # Changes to publish.

    def count_changed(self, scope: Scope) -> None:
        """Publish a changed number of people online, on this worker or another."""
        self._rooms.changed(visitors_room(scope), lambda: {ONLINE: list(self._holds.online(scope))}, ONLINE)
        self._dashboards.changed(scope)

    def tick(self) -> None:
        """Run the work of every second: write arrivals, refresh dashboards and member rooms."""
        self._arrivals.tick()
        self._dashboards.tick()
        self._refresh_member_rooms()

    def _refresh_member_rooms(self) -> None:
        found = self._rooms.with_source(Gathering)
        for room, _ in found:
            room.changed()
        for _, gathering in found:
            if not self._visits.look(gathering.numbers):
                break  # the database is away: each further read would take a second
