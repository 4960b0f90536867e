"""Who sits in which community's room, with which right, and what becomes of it when that right is lost."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import Any

from koyjabo.clock import Clock
from koyjabo.errors import KoyJaboError, LedgerUnavailable, UnknownCommunity
from koyjabo.events import dashboard_room, visitors_room
from koyjabo.holds import Here, Holds
from koyjabo.models import Scope
from koyjabo.numbers import Numbers
from koyjabo.realtime.arrivals import Arrivals
from koyjabo.realtime.dashboards import Dashboards
from koyjabo.realtime.gathering import ONLINE, STATS, Gathering
from koyjabo.realtime.rooms import Bus, Room, Rooms
from koyjabo.rights import Rights
from koyjabo.runtime import Runtime
from koyjabo.seats import Seat
from koyjabo.visits import Visits

log = logging.getLogger(__name__)

SETTLE_S = 0.5
"""How long one who joins waits for Redis to count them; without it they are counted by a guess."""

LOSSES = "losses"
"""Said on the bus when somebody has lost a right: every worker looks again."""


class Attendance:
    """The seats of this worker."""

    def __init__(
        self,
        rooms: Rooms,
        holds: Holds,
        rights: Rights,
        visits: Visits,
        dashboards: Dashboards,
        arrivals: Arrivals,
        bus: Bus,
        runtime: Runtime,
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._holds = holds
        self._rights = rights
        self._visits = visits
        self._dashboards = dashboards
        self._arrivals = arrivals
        self._bus = bus
        self._runtime = runtime
        self._clock = clock
        self._seats: dict[Seat, None] = {}
        self._gatherings: dict[Scope, Gathering] = {}
        self._losses = -1
        self._judging = threading.Lock()

    # Coming and going.

    def take(self, seat: Seat) -> bool:
        """Let somebody in; the first they hear includes them. False for one who has gone meanwhile. Waits.

        Raises what the right does not hold for, and LedgerUnavailable.
        """
        self._seats[seat] = None  # before it is judged: a right that is lost from now on ends it
        try:
            self._rights.require(seat.right)
            is_in = seat.is_taken and self._let_in(seat)
        except Exception:
            self.leave(seat)
            raise
        if not seat.is_taken:
            self._clear(seat)
        return is_in and seat.is_taken

    def leave(self, seat: Seat, clean: bool = True) -> None:
        """One has gone; after an unclean end they have a grace to come back. A second time does nothing."""
        if seat.is_taken:
            seat.is_taken = False
            self._seats.pop(seat, None)
            self._clear(seat, clean)

    def tell(self, seat: Seat) -> dict[str, Any]:
        """Tell one the present value of their room, and return it; nothing to one who has been sent away."""
        room = self._rooms.find(self.room_of(seat)) if seat.is_taken else None
        return room.tell(seat.member) if room else {}

    def present(self, seat: Seat) -> dict[str, Any]:
        """The present value of one's room."""
        room = self._rooms.find(self.room_of(seat)) if seat.is_taken else None
        return room.source.greeting().as_object() if room else {}

    @staticmethod
    def room_of(seat: Seat) -> str:
        return (dashboard_room if seat.is_dashboard else visitors_room)(seat.scope)

    def _let_in(self, seat: Seat) -> bool:
        if seat.is_dashboard:
            return self._rooms.of(self._dashboards.open(seat.scope)).admit(seat.member)
        numbers = self._visits.community(seat.scope)
        person = seat.right.user_id
        self._holds.online(seat.scope)
        self._holds.hold(seat.scope, person, seat.hold_id)
        self._holds.settled(seat.scope, person, SETTLE_S)
        self._arrivals.note(seat.scope, person)
        return seat.is_taken and self._gathering(numbers).admit(seat.member)

    def _gathering(self, numbers: Numbers) -> Room:
        name = visitors_room(numbers.scope)
        room = self._rooms.find(name)
        if room is None:
            gathering = self._gatherings[numbers.scope] = Gathering(numbers, self._holds, self._clock)
            room = self._rooms.open(name, gathering)
        return room

    def _clear(self, seat: Seat, clean: bool = True) -> None:
        name = self.room_of(seat)
        room = self._rooms.find(name)
        if room is not None:
            room.dismiss(seat.member)
            self._rooms.close_if_empty(name)
        if not seat.is_dashboard:
            end = self._holds.release if clean else self._holds.lose
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

    def visited(self, numbers: Numbers) -> None:
        """A visit of a community has been committed here."""
        self._rooms.changed(visitors_room(numbers.scope), lambda: {STATS: numbers.state()}, STATS)
        self._dashboards.changed(numbers.scope)

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
        for scope, gathering in list(self._gatherings.items()):
            room = self._rooms.find(visitors_room(scope))
            if room is None or room.source is not gathering:
                del self._gatherings[scope]
                continue
            with suppress(UnknownCommunity):  # deleted a moment ago: those in it are sent away
                self._visits.look(gathering.numbers)
            room.changed()

    # What is lost.

    def note_loss(self) -> None:
        """Somebody has lost a right, by something this worker did."""
        self._bus.say(LOSSES, dict)
        self.judge_soon()

    def judge_soon(self) -> None:
        self._runtime.start_task(self.judge)

    def judge(self) -> None:
        """End the seats whose right is lost, if anybody has lost one since the last time."""
        with self._judging:
            try:
                losses = self._rights.losses()
                if losses != self._losses:
                    self._judge_all()
                self._losses = losses
            except LedgerUnavailable:
                return  # nobody can have lost anything in a database that is away; the next look is a second later

    def _judge_all(self) -> None:
        seats = list(self._seats)
        verdicts = self._rights.judge({seat.right for seat in seats})
        for seat in seats:
            problem = verdicts[seat.right]
            if problem is not None and seat.is_taken:
                self._end(seat, problem)

    def _end(self, seat: Seat, problem: KoyJaboError) -> None:
        try:
            self.leave(seat)
            seat.end(problem)
        except Exception:  # the others have to go as well
            log.exception("seat_not_ended community=%s", seat.scope)
