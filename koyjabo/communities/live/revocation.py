"""Participants whose permission is revoked have to leave their rooms (specification: Credentials)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from koyjabo.clock import Clock
from koyjabo.cluster.bus import Bus
from koyjabo.communities.live.participant import Seat, Seats
from koyjabo.communities.permissions import Rights
from koyjabo.errors import KoyJaboError, LedgerUnavailable
from koyjabo.runtime import Runtime

log = logging.getLogger(__name__)

LOSSES = "losses"
"""Said on the bus when somebody has lost a right: every worker looks again at whoever goes by it."""

JUDGED_TOGETHER = 500
REST = 4
"""Times as long as judging everybody took, until that is done again."""


class Revocation:
    """`leave` is called with a seat whose right is lost, before its own `end`."""

    def __init__(
        self, seats: Seats, rights: Rights, bus: Bus, runtime: Runtime, clock: Clock, leave: Callable[[Seat], None]
    ) -> None:
        self._seats = seats
        self._rights = rights
        self._bus = bus
        self._runtime = runtime
        self._clock = clock
        self._leave = leave
        self._losses = -1
        self._judges_after_ms = 0

    def note_loss(self, whose: str) -> None:
        """A session, a user or a community, by its id, has lost a right, by something this worker did."""
        self._bus.say(LOSSES, lambda: whose, whose)
        self.hear_loss(whose)

    def hear_loss(self, whose: Any) -> None:
        """The same, by something another worker did."""
        if isinstance(whose, str) and self._seats.of(whose):
            self._runtime.start_task(lambda: self._judge_those_of(whose))

    def _judge_those_of(self, whose: str) -> None:
        self._judge(self._seats.of(whose))

    def judge(self) -> None:
        """Judge everybody, if anybody has lost a right since the last time, whether or not it was said; call every
        second. No more than a fifth of the time goes into it.
        """
        if self._clock.elapsed_ms() < self._judges_after_ms:
            return
        with suppress(LedgerUnavailable):  # the next look is a second later
            losses = self._rights.losses()
            if losses != self._losses:
                self._losses, began_ms = losses, self._clock.elapsed_ms()
                if self._judge(self._seats.all()):
                    now_ms = self._clock.elapsed_ms()
                    self._judges_after_ms = now_ms + REST * (now_ms - began_ms)

    def _judge(self, seats: list[Seat]) -> bool:
        """In pieces: others have their turn in between. False when the database went away meanwhile."""
        for start in range(0, len(seats), JUDGED_TOGETHER):
            piece = seats[start : start + JUDGED_TOGETHER]
            try:
                verdicts = self._rights.judge({seat.right for seat in piece})
            except LedgerUnavailable:
                self._losses = -1  # everybody, when it is back
                return False
            for seat in piece:
                problem = verdicts[seat.right]
                if problem is not None and seat.is_taken:
                    self._end(seat, problem)
        return True

    def _end(self, seat: Seat, problem: KoyJaboError) -> None:
        seat.problem = problem
        try:
            self._leave(seat)
            seat.end(problem)
        except Exception:  # the others have to go as well
            log.exception("seat_not_ended community=%s", seat.scope)
