"""Communities, who belongs to them, and what their roles allow."""

from __future__ import annotations

from koyjabo.clock import Clock
from koyjabo.storage.desk import Desk

ROLES = ("member", "moderator", "admin")
"""Each may do what those before it may."""


class Communities:
    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
