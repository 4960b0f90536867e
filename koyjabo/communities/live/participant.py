"""A participant in a community's room or in the panel's room, with any kind of client.

Removes participants from their rooms when their permission is revoked (specification: Credentials).
"""

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from koyjabo.base.cluster.bus import Bus
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import Forbidden, KoyJaboError, LedgerUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.models import SITE, Scope
from koyjabo.base.observability.metrics import OTHER
from koyjabo.communities.permissions import WATCHER, Permissions, RequiredAccess

MAX_COMMUNITIES = 50
"""Maximum number of communities in the metrics."""

_connection_ids = count(1)


@dataclass(eq=False, slots=True)
class Participant:
    client: Any  # a Socket.IO client by its sid, or a plain WebSocket
    access: RequiredAccess
    is_dashboard: bool  # of a community, or the panel
    end: Callable[[KoyJaboError], None]  # called when the permission is revoked; must not block
    connection_id: str = field(default_factory=lambda: str(next(_connection_ids)))
    is_taken: bool = True
    is_in_doubt: bool = True  # the permission must be checked before the join
    is_checked: bool = False
    is_clean: bool = True  # whether the connection was closed cleanly
    problem: KoyJaboError | None = None  # why the permission was revoked
    refresh_id: str | None = None  # id of the refresh token that must be valid when joining

    @property
    def is_online(self) -> bool:
        """Whether the participant counts as online. Watchers, dashboards and the panel do not."""
        return not self.is_dashboard and not self.is_watcher

    @property
    def is_watcher(self) -> bool:
        return self.access.role == WATCHER

    @property
    def scope(self) -> Scope:
        return Scope(self.access.community_id)


class Participants:
    """The participants on this worker, in all communities."""

    def __init__(self) -> None:
        self._participants: dict[Participant, None] = {}
        self._participants_of: dict[str, dict[Participant, None]] = {}  # by session, user and community

    def add(self, participant: Participant) -> None:
        self._participants[participant] = None
        for whose in _whose(participant):
            self._participants_of.setdefault(whose, {})[participant] = None

    def discard(self, participant: Participant) -> None:
        """Remove a participant. Idempotent."""
        self._participants.pop(participant, None)
        for whose in _whose(participant):
            participants = self._participants_of.get(whose, {})
            participants.pop(participant, None)
            if not participants:
                self._participants_of.pop(whose, None)

    def all(self) -> list[Participant]:
        return list(self._participants)

    def of(self, whose: str) -> list[Participant]:
        """The participants of the session, user or community with this id."""
        return list(self._participants_of.get(whose, ()))

    def counts(self) -> dict[str, int]:
        """The number of participants in the largest communities, and in all others."""
        return largest_of(
            Counter(participant.scope for participant in list(self._participants) if participant.scope != SITE)
        )


def largest_of(counts: Counter[str]) -> dict[str, int]:
    """The MAX_COMMUNITIES largest counts, and the rest as `other`."""
    largest = dict(counts.most_common(MAX_COMMUNITIES))
    rest = counts.total() - sum(largest.values())
    return {**largest, OTHER: rest} if rest else largest


def _whose(participant: Participant) -> tuple[str, str, str]:
    return participant.access.session_id, participant.access.user_id, participant.access.community_id


log = logging.getLogger(__name__)

ACCESS_REVOKED = "losses"
"""Subject of the message about a revocation. Every worker then checks the participants it affects."""

SENT_AWAY = "The app of this community has closed your connection."
BATCH = 500
REST = 4
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
                self._end(participant, Forbidden(SENT_AWAY))

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
                    self._rests_until_ms = now_ms + REST * (now_ms - began_ms)

    def recheck_soon(self) -> None:
        """Make the next `recheck_if_revoked` check all participants, because permissions may have been reset."""
        self._access_version, self._rests_until_ms = -1, 0

    def _recheck(self, participants: list[Participant]) -> bool:
        """Check in batches, so that other tasks run in between. Returns False if the database is down."""
        for start in range(0, len(participants), BATCH):
            waiting = participants[start : start + BATCH]
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
