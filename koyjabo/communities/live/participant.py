"""A participant in a community's room or in the panel's room, with any kind of client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.models import SITE, Scope
from koyjabo.communities.permissions import WATCHER, RequiredAccess

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

    def counts(self) -> Counter[str]:
        """The number of participants in each community."""
        return Counter(participant.scope for participant in list(self._participants) if participant.scope != SITE)


def _whose(participant: Participant) -> tuple[str, str, str]:
    return participant.access.session_id, participant.access.user_id, participant.access.community_id
