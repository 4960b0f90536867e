"""Register visits and read the stats they add up to.

A visit counts when `register` returns: the ledger has it on disk, under an ordinal nobody else has.
Whatever the world is told afterwards comes out of that receipt.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from koyjabo.clock import Clock
from koyjabo.errors import LedgerUnavailable, UnknownVisitor
from koyjabo.models import SITE
from koyjabo.presence import ActiveVisitors, Places
from koyjabo.storage.entries import Figures, NewVisit, Receipt
from koyjabo.storage.ledger import Ledger

__all__ = ["NewVisit", "Receipt", "Stats", "Visits"]


@dataclass(frozen=True, slots=True)
class Stats:
    """The numbers of a scope at one revision. An equal revision means equal numbers."""

    total: int
    today: int
    active: int
    unique_visitors: int
    places: Places
    revision: int  # also the moment they are of, ms since 1970 UTC
    epoch: int  # ms; base-36 on the wire
    stale: bool = False  # the ledger cannot be read: these are the last known


class Visits:
    """`figures` are what is known from the start, should the ledger be away when the first one asks."""

    def __init__(self, ledger: Ledger, presence: ActiveVisitors, clock: Clock, figures: Figures) -> None:
        self._ledger = ledger
        self._presence = presence
        self._clock = clock
        ledger.on_commit = self._committed
        self._figures = figures
        self._shown: tuple[object, Stats] | None = None
        self._lock = threading.Lock()  # around presence and the two above; nothing waits while it is held

    def register(self, visit: NewVisit) -> Receipt:
        """Count a visit, durably (SPEC: POST /api/visitor/register).

        Returns the receipt of the first time, marked `duplicate`, when the client retries. Raises LedgerUnavailable
        when nothing could be committed; then nothing was counted. Raises UnknownCommunity for a scope that is none.
        """
        return self._ledger.append(visit)

    def heartbeat(self, visitor_id: str) -> None:
        """Keep a visitor active. Raises UnknownVisitor for one who never registered, LedgerUnavailable."""
        with self._lock:
            if self._presence.renew(SITE, visitor_id):
                return
        if not self._ledger.knows(SITE, visitor_id):
            raise UnknownVisitor
        with self._lock:
            self._presence.touch(SITE, visitor_id, "Unknown")

    def stats(self) -> Stats:
        """The newest stats, never with a lower total than one acknowledged to anybody before this call.

        When the ledger cannot be read, the last known ones, marked `stale`.
        """
        try:
            figures = self._ledger.figures(SITE)
        except LedgerUnavailable:
            return replace(self.newest(), stale=True)
        with self._lock:
            self._learn(figures)
        return self.newest()

    def close(self) -> None:
        """Commit what waits and leave the database. Nothing can be registered afterwards."""
        self._ledger.close()

    def newest(self) -> Stats:
        """The stats as far as this server has been told, without asking the ledger: right after a receipt."""
        with self._lock:
            figures = self._figures
            today = self._clock.today()
            places = self._presence.places(SITE)
            state = (figures.epoch, figures.revision, today, self._presence.version)
            if self._shown is None or self._shown[0] != state:
                self._shown = (state, self._at_next_revision(figures, today, places))
            return self._shown[1]

    def _committed(self, visits: list[tuple[NewVisit, Receipt]]) -> None:
        """Take in a whole batch before anybody in it is answered, so that all of them are told the same stats."""
        with self._lock:
            for visit, _ in visits:
                self._presence.touch(SITE, visit.visitor_id, visit.place)
                if visit.scope != SITE:
                    self._presence.touch(visit.scope, visit.visitor_id, visit.place)
            self._learn(visits[-1][1].figures)

    def _at_next_revision(self, figures: Figures, today: str, places: Places) -> Stats:
        """A commit brings its revision along; any other change, a restart among them, makes the next one."""
        last = self._shown[1].revision if self._shown else figures.revision
        fresh = figures.revision > last
        return Stats(
            total=figures.total,
            today=figures.day_visits if figures.day == today else 0,
            active=sum(places.values()),
            unique_visitors=figures.unique_visitors,
            places=dict(places),
            revision=figures.revision if fresh else max(last + 1, self._clock.now_ms()),
            epoch=figures.epoch,
        )

    def _learn(self, figures: Figures | None) -> None:
        """Keep the newest: an answer to a read may arrive after a receipt of a later commit."""
        if figures and _order(figures) >= _order(self._figures):
            self._figures = figures


def _order(figures: Figures) -> tuple[int, int]:
    return figures.epoch, figures.revision
