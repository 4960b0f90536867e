"""Live statistics of one scope on this server: the figures of the ledger and the number of active visitors."""

from __future__ import annotations

import threading
from typing import Any

from koyjabo.clock import Clock
from koyjabo.counting.records import Figures
from koyjabo.counting.stats import Stats
from koyjabo.models import Scope
from koyjabo.presence.visitors.active_visitors import Census, Presence

FURTHEST_AHEAD_MS = 3_600_000
"""How far the clock of another server may be ahead of this one's."""


def newest_credible(clock: Clock, known: int) -> int:
    """The greatest revision to accept from another server.

    `known` is an accepted one: after a clock is put back, earlier revisions are ahead of it and keep increasing.
    """
    return max(clock.now_ms(), known) + FURTHEST_AHEAD_MS


class Numbers:
    """`figures` are the figures of the scope at the start."""

    def __init__(self, figures: Figures, presence: Presence, clock: Clock) -> None:
        self.scope: Scope = figures.scope
        self._presence = presence
        self._clock = clock
        self._figures = figures
        self._stale = False  # the last read of the ledger failed
        self._shown: tuple[object, Stats] | None = None
        self._newest_revision = figures.revision  # of all that were read, received or issued
        self._lock = threading.Lock()  # guards the four above; code that holds it must not wait

    @property
    def figures(self) -> Figures:
        return self._figures

    def learn(self, figures: Figures | None) -> None:
        """Take in figures of the ledger; None when it could not be read. Older figures are ignored: an answer to a
        read may arrive after the receipt of a later commit.
        """
        with self._lock:
            self._stale = figures is None
            self._keep_newest(figures)

    def newest(self, after: int = 0) -> Stats:
        """The stats as this server last saw them, without a read of the ledger, at a revision greater than `after`."""
        with self._lock:
            return self._current(after)[1]

    # The state that servers exchange.

    def state(self) -> dict[str, Any]:
        """What another server needs to show the same stats, as JSON."""
        with self._lock:
            census, stats = self._current()
            return {"figures": self._figures, "census": census, "revision": stats.revision}

    def merge(self, state: dict[str, Any]) -> None:
        """Take in another server's `state`; older parts of it are ignored. Raises ValueError if it is malformed.

        If both servers then have the same state, they show it at the same revision; otherwise this server's revision
        is greater.
        """
        figures, census_there, revision = self._checked(state)
        if figures.epoch != self._figures.epoch:
            return  # a different count, or a new one: the next read of the database, within a second, decides
        self._presence.learn(self.scope, census_there)
        with self._lock:
            self._keep_newest(figures)
            census = self._presence.census(self.scope)
            if revision > self._newest_revision:
                self._newest_revision = revision
                if (self._figures, census.places) == (figures, census_there.places):
                    self._show(census, revision)

    def _checked(self, state: Any) -> tuple[Figures, Census, int]:
        """Parse another server's state. Raises ValueError, or the error of the first malformed part."""
        figures, census, revision = Figures._make(state["figures"]), Census._make(state["census"]), state["revision"]
        kinds = [str if name in ("scope", "day") else int for name in Figures._fields]
        known = max(self._newest_revision, self._presence.census(self.scope).version)
        newest = newest_credible(self._clock, known)
        if not (
            all(type(value) is kind for value, kind in zip(figures, kinds, strict=True))
            and figures.scope == self.scope
            and type(census.version) is type(revision) is int
            and all(type(count) is int and count > 0 for count in census.places.values())
            and max(revision, figures.revision, census.version) <= newest
        ):
            raise ValueError("not the state of a server")
        return figures, census, revision

    def _current(self, after: int = 0) -> tuple[Census, Stats]:
        census = self._presence.census(self.scope)
        self._newest_revision = max(self._newest_revision, after)
        shown = self._shown
        if shown is None or shown[0] != self._state(census) or shown[1].revision <= after:
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

    def _next_revision(self) -> int:
        """The revision of the newest commit, or the next number after any other change, a restart included."""
        if self._shown is not None and self._figures.revision > self._newest_revision:
            revision = self._figures.revision
        else:
            revision = max(self._newest_revision + 1, self._clock.now_ms())
        self._newest_revision = revision
        return revision

    def _keep_newest(self, figures: Figures | None) -> None:
        if figures and _recency(figures) >= _recency(self._figures):
            self._figures = figures


def _recency(figures: Figures) -> tuple[int, int]:
    return figures.epoch, figures.revision
