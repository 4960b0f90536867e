"""Forgetting a visitor who asks for it: nothing of them is left, and every total is as it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import suppress

from koyjabo.audit import log
from koyjabo.audit.log import Actor, Entry, Subject
from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.throttle import Throttle
from koyjabo.errors import NotYetForgotten, UnknownVisitor
from koyjabo.identity import OPERATOR
from koyjabo.maintenance import erasure_queries
from koyjabo.maintenance.erasure_queries import Piece
from koyjabo.models import SITE, Scope
from koyjabo.runtime import Advance

VISITOR = Subject("visitor", "", "")
"""In the audit log nobody is to find out who it was."""

PATIENCE_S = 5.0
"""A request waits so long. Whoever comes a few times a day for years is forgotten in some milliseconds."""


class Erasure:
    """`on_forgotten` is called with a visitor_id and where they had been, when it is on disk; `drain` waits until
    others have heard of that.

    A visitor of a million visits takes minutes. Whoever is interrupted has folded what was folded and goes on the next
    time. Everything raises LedgerUnavailable.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        on_forgotten: Callable[[str, Collection[Scope]], object],
        drain: Callable[[], None],
    ) -> None:
        self._on_forgotten = on_forgotten
        self._drain = drain
        self._database = database
        self._clock = clock

    def count(self, visitor_id: str) -> int:
        """How many visits of theirs there are."""
        return self._database.report(erasure_queries.count_visits, visitor_id)

    def forget_oneself(self, visitor_id: str) -> None:
        """For the visitor, who proves to be that by knowing the id. Nobody is told whether there was such a visitor.

        Raises NotYetForgotten after PATIENCE_S: ask again.
        """
        by = Actor("", "", "", self._clock.now_ms())  # somebody, from nowhere: the log is not to tell of them
        began = time.monotonic()

        def advance(visits: int) -> None:
            if time.monotonic() - began > PATIENCE_S:
                raise NotYetForgotten

        with suppress(UnknownVisitor):
            self._forget(by, visitor_id, advance)

    def forget(self, visitor_id: str, advance: Advance = lambda visits: None) -> None:
        """For the operator, however long it takes. `advance` is told how many visits were folded since last time.

        Raises UnknownVisitor.
        """
        advance(self._forget(log.actor(OPERATOR, self._clock), visitor_id, advance))
        self._drain()  # the program ends right afterwards

    def _forget(self, by: Actor, visitor_id: str, advance: Advance) -> int:
        """Returns what the last piece folded: then it is done, and nothing may keep others from hearing of it."""
        scopes = self._database.report(erasure_queries.scopes_of, visitor_id)
        if SITE not in scopes:
            raise UnknownVisitor
        throttle = Throttle(self._database)

        def entry(piece: Piece) -> Entry | None:
            return None if piece.has_more else by.entry("visitor.forget", VISITOR)

        while (piece := throttle.do(erasure_queries.erase, visitor_id, scopes, audit=entry)).has_more:
            scopes |= piece.scopes
            advance(piece.visits)
            scopes |= self._fold_visits(throttle, visitor_id, piece.reached, advance)
        self._on_forgotten(visitor_id, scopes | piece.scopes)
        return piece.visits

    def _fold_visits(self, throttle: Throttle, visitor_id: str, after: str, advance: Advance) -> frozenset[Scope]:
        """All that there are now; returns where they were counted."""
        scopes: frozenset[Scope] = frozenset()
        has_more = True
        while has_more:
            piece = throttle.do(erasure_queries.fold_visits, visitor_id, after)
            scopes |= piece.scopes
            after, has_more = piece.reached, piece.has_more
            advance(piece.visits)
        return scopes
