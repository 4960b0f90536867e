"""Removes participants from their rooms when their permission is revoked (specification: Credentials)."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from koyjabo.base.cluster.bus import Bus
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import Forbidden, KoyJaboError, LedgerUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.models import Scope
from koyjabo.communities.permissions import Permissions
from .participant import Participant
from .participants import Participants

log = logging.getLogger(__name__)

ACCESS_REVOKED = "losses"
"""Subject of the message about a revocation. Every worker then checks the participants it affects."""

CLOSED_BY_APP = "The app of this community has closed your connection."
PARTICIPANTS_AT_ONCE = 500

REST_PER_CHECK = 4
"""Pause after a check of all participants, as a multiple of the check's duration."""


class Revocation:
    """Removes participants. `leave` is called with a participant whose permission is revoked, before the participant's
    `end`.
    """

    def __init__(
        self,
        participants: Participants,
        permissions: Permissions,
        bus: Bus,
        runtime: Runtime,
        clock: Clock,
        leave: Callable[[Participant], None],
    ) -> None:
        self._participants = participants
        self._permissions = permissions
        self._bus = bus
        self._runtime = runtime
        self._clock = clock
        self._leave = leave
        self._access_version = -1
        self._rests_until_ms = 0

    def publish(self, whose: str) -> None:
        """Publish that this worker has revoked a permission. `whose` is the id of the session, user or community."""
        self._bus.send_to_workers(ACCESS_REVOKED, whose, key=whose)
        self.receive(whose)

    def receive(self, whose: Any) -> None:
        """Check the participants affected by a revocation on this or another worker."""
        if isinstance(whose, str) and self._participants.of(whose):
            self._runtime.start_task(lambda: self._recheck_those_of(whose))

    def _recheck_those_of(self, whose: str) -> None:
        self._recheck(self._participants.of(whose))

    def end_those_of(self, scope: Scope, user_id: str) -> None:
        """Disconnect a user's participants in a community. The user keeps their permission."""
        for participant in self._participants.of(user_id):
            if participant.scope == scope and participant.is_taken:
                self._end(participant, Forbidden(CLOSED_BY_APP))

    def recheck_if_revoked(self) -> None:
        """If any permission was revoked since the last check, check all participants, in case the message about it was
        lost. Call this every second. Checks take up at most a fifth of the time.
        """
        if self._clock.elapsed_ms() < self._rests_until_ms:
            return
        with suppress(LedgerUnavailable):  # the next attempt is a second later
            access_version = self._permissions.access_version()
            if access_version != self._access_version:
                self._access_version, began_ms = access_version, self._clock.elapsed_ms()
                if self._recheck(self._participants.all()):
                    now_ms = self._clock.elapsed_ms()
                    self._rests_until_ms = now_ms + REST_PER_CHECK * (now_ms - began_ms)

    def recheck_soon(self) -> None:
        """Make the next `recheck_if_revoked` check all participants, because permissions may have been reset."""
        self._access_version, self._rests_until_ms = -1, 0

    def _recheck(self, participants: list[Participant]) -> bool:
        """Check in batches, so that other tasks run in between. Returns False if the database is down."""
        for start in range(0, len(participants), PARTICIPANTS_AT_ONCE):
            waiting = participants[start : start + PARTICIPANTS_AT_ONCE]
            try:
                while waiting:
                    waiting = self._recheck_together(waiting)
            except LedgerUnavailable:
                self._access_version = -1  # everyone is checked when the database is back
                return False
        return True

    def _recheck_together(self, participants: list[Participant]) -> list[Participant]:
        """Check participants, and return the ones to check again: a member who is joining may have become a watcher
        during the check.
        """
        accesses = {participant: participant.access for participant in participants}
        problems = self._permissions.recheck(set(accesses.values()))
        changed = [participant for participant, access in accesses.items() if participant.access != access]
        for participant in accesses.keys() - changed:
            problem = problems[participant.access]
            if problem is not None and participant.is_taken:
                participant.is_in_doubt = True  # one who is still joining may be permitted as a watcher
                if participant.is_checked:
                    self._end(participant, problem)
        return changed

    def _end(self, participant: Participant, problem: KoyJaboError) -> None:
        participant.problem = problem
        try:
            self._leave(participant)
            if participant.is_checked:  # otherwise its join raises the problem
                participant.end(problem)
        except Exception:  # the other participants must still be removed
            log.exception("seat_not_ended community=%s", participant.scope)
