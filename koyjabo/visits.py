"""Register visits and read the stats they add up to.

A visit counts when `register` returns: the ledger has it on disk, under an ordinal nobody else has.
Whatever the world is told afterwards comes out of that receipt.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

from koyjabo.clock import Clock
from koyjabo.errors import LedgerUnavailable, UnknownVisitor
from koyjabo.models import SITE, Scope
from koyjabo.presence import Census, Presence
from koyjabo.stats import Stats
from koyjabo.storage.entries import Figures, NewVisit, Receipt
from koyjabo.storage.ledger import Ledger

__all__ = ["VISITOR_ID", "NewVisit", "Receipt", "Stats", "Visits"]

FURTHEST_AHEAD_MS = 3_600_000
"""How far the clock of another server may be ahead of ours."""

VISITOR_ID = re.compile(r"[A-Za-z0-9_.:\-]{1,128}", re.ASCII)
"""SPEC: POST /api/visitor/register."""


class Visits:
    """`figures` are what is known from the start, should the ledger be away when the first one asks.

    `on_change` is called when something here changed the stats; `on_visit` with each visit that has been committed.
    """

    def __init__(self, ledger: Ledger, presence: Presence, clock: Clock, figures: Figures) -> None:
        self.on_change: Callable[[Scope], None] = lambda scope: None
        self.on_visit: Callable[[NewVisit], None] = lambda visit: None
        self._ledger = ledger
        self._presence = presence
        self._clock = clock
        ledger.on_commit = self._committed
        self._figures = figures
        self._stale = False  # the ledger could not be read the last time
        self._shown: tuple[object, Stats] | None = None
        self._newest_revision = figures.revision  # of all that were read, heard or given
        self._lock = threading.Lock()  # around the four above; nothing waits while it is held

    def register(self, visit: NewVisit) -> Receipt:
        """Count a visit, durably (SPEC: POST /api/visitor/register).

        Returns the receipt of the first time, marked `duplicate`, when the client retries. Raises LedgerUnavailable
        when nothing could be committed; then nothing was counted. Raises UnknownCommunity for a scope that is none.
        """
        return self._ledger.append(visit)

    def heartbeat(self, visitor_id: str, place: str) -> None:
        """Keep a visitor active. Raises UnknownVisitor for one who never registered, LedgerUnavailable."""
        if not self._presence.renew(SITE, visitor_id):
            if not self._ledger.knows(SITE, visitor_id):
                raise UnknownVisitor
            self._presence.meet(SITE, visitor_id, place)
            self.on_change(SITE)

    def arrive(self, visitor_id: str, place: str) -> bool:
        """A visitor's page is open. False, and nothing, when they have not registered a visit yet."""
        try:
            self.heartbeat(visitor_id, place)
        except (UnknownVisitor, LedgerUnavailable):
            return False
        return True

    def stats(self) -> Stats:
        """The newest stats, never with a lower total than one acknowledged to anybody before this call.

        When the ledger cannot be read, the last known ones, marked `stale`.
        """
        try:
            figures = self._ledger.figures(SITE)
        except LedgerUnavailable:
            figures = None
        with self._lock:
            self._stale = figures is None
            self._learn(figures)
        return self.newest()

    def close(self) -> None:
        """Commit what waits and leave the database. Nothing can be registered afterwards."""
        self._ledger.close()

    def newest(self) -> Stats:
        """The stats as far as this server has been told, without asking the ledger: right after a receipt."""
        with self._lock:
            return self._present()[1]

    # What workers tell each other.

    def state(self) -> dict[str, Any]:
        """What another server needs to know to show the same, as JSON."""
        with self._lock:
            census, stats = self._present()
            return {"figures": self._figures, "census": census, "revision": stats.revision}

    def merge(self, state: dict[str, Any]) -> None:
        """Take in another server's `state`; what is older than what is known here changes nothing.

        Whoever then knows the same shows it at the same revision; otherwise ours is greater.
        """
        figures, said, revision = self._checked(state)
        if figures.epoch != self._figures.epoch:
            return  # another count, or a new one of ours: our own database says which, within a second
        self._presence.learn(SITE, said)
        with self._lock:
            self._learn(figures)
            census = self._presence.census(SITE)
            if revision > self._newest_revision:
                self._newest_revision = revision
                if (self._figures, census.places) == (figures, said.places):
                    self._show(census, revision)

    def _checked(self, state: Any) -> tuple[Figures, Census, int]:
        """Raises ValueError, or whatever comes first, for what no server of ours would say."""
        figures, census, revision = Figures._make(state["figures"]), Census._make(state["census"]), state["revision"]
        kinds = [str if name in ("scope", "day") else int for name in Figures._fields]
        newest = self._clock.now_ms() + FURTHEST_AHEAD_MS
        if not (
            all(type(value) is kind for value, kind in zip(figures, kinds, strict=True))
            and figures.scope == SITE
            and type(census.version) is type(revision) is int
            and all(type(count) is int and count > 0 for count in census.places.values())
            and max(revision, figures.revision, census.version) <= newest
        ):
            raise ValueError("not the state of a server")
        return figures, census, revision

    def _present(self) -> tuple[Census, Stats]:
        census = self._presence.census(SITE)
        if self._shown is None or self._shown[0] != self._state(census):
            self._show(census, self._next_revision())
        assert self._shown is not None
        return census, self._shown[1]

    def _show(self, census: Census, revision: int) -> None:
        figures, today = self._figures, self._clock.today()
        stats = Stats(
            total=figures.total,
            today=figures.day_visits if figures.day == today else 0,
            active=sum(census.places.values()),
            unique_visitors=figures.unique_visitors,
            places=census.places,
            revision=revision,
            epoch=figures.epoch,
            stale=self._stale,
        )
        self._shown = (self._state(census), stats)

    def _state(self, census: Census) -> object:
        return self._figures.epoch, self._figures.revision, self._clock.today(), self._stale, census.places

    def _committed(self, visits: list[tuple[NewVisit, Receipt]]) -> None:
        """Take in a whole batch before anybody in it is answered, so that all of them are told the same stats."""
        for visit, _ in visits:
            self._presence.touch(SITE, visit.visitor_id, visit.place)
            if visit.scope != SITE:
                self._presence.touch(visit.scope, visit.visitor_id, visit.place)
            self.on_visit(visit)
        with self._lock:
            self._stale = False
            self._learn(visits[-1][1].figures)
        self.on_change(SITE)

    def _next_revision(self) -> int:
        """A commit brings its revision along; any other change, a restart among them, makes the next one."""
        if self._shown is not None and self._figures.revision > self._newest_revision:
            revision = self._figures.revision
        else:
            revision = max(self._newest_revision + 1, self._clock.now_ms())
        self._newest_revision = revision
        return revision

    def _learn(self, figures: Figures | None) -> None:
        """Keep the newest: an answer to a read may arrive after a receipt of a later commit."""
        if figures and _order(figures) >= _order(self._figures):
            self._figures = figures


def _order(figures: Figures) -> tuple[int, int]:
    return figures.epoch, figures.revision
