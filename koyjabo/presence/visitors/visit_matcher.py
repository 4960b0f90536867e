"""Matches visits and sockets across workers; `visitor_sockets_redis` implements it for several of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from koyjabo.presence.visitors.unmatched_visits import Fingerprint


class VisitMatcher(Protocol):
    """Matches visits and sockets that have no match on their own worker."""

    def offer(self, fingerprint: Fingerprint, visitor_id: str) -> None: ...

    def ask(self, fingerprint: Fingerprint, found: Callable[[str], None]) -> None:
        """Call `found` once, with a visitor offered for `fingerprint`, if there is one."""


class NoMatcher:
    """Matches nothing: there are no other workers."""

    def offer(self, fingerprint: Fingerprint, visitor_id: str) -> None:
        pass

    def ask(self, fingerprint: Fingerprint, found: Callable[[str], None]) -> None:
        pass
