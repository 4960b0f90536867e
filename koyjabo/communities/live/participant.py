"""A participant in a community's room or in the panel's room, with any kind of client."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.models import Scope
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
    is_shown_people: bool = False  # has joined the room with the names
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
