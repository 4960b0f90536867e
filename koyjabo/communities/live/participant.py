"""One who is in a room of a community, of either kind of client."""

from __future__ import annotations

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
    is_dashboard: bool  # who looks at a dashboard is no visitor
    end: Callable[[KoyJaboError], None]  # called when the right is lost; it must not wait
    hold_id: str = field(default_factory=lambda: str(next(numbers)))
    is_taken: bool = True
    is_clean: bool = True  # gone with a goodbye, or without
    problem: KoyJaboError | None = None  # why the right was lost
    refresh_id: str | None = None  # of the refresh token that has to be good when it is let in

    @property
    def scope(self) -> Scope:
        return Scope(self.right.community_id)
