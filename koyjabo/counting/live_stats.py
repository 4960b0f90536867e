"""The newest numbers of one scope, as this server knows them: what the ledger says, and who is active."""

from __future__ import annotations

import threading
from typing import Any

from koyjabo.clock import Clock
from koyjabo.counting.records import Figures
from koyjabo.counting.stats import Stats
from koyjabo.models import Scope
from koyjabo.presence.visitors.active_visitors import Census, Presence

FURTHEST_AHEAD_MS = 3_600_000
"""How far the clock of another server may be ahead of ours."""


def newest_credible(clock: Clock, known: int) -> int:
    """The greatest revision that another server may say. `known` is one that was right: when a clock is put back, all
    that were given before are ahead of it, and go on growing from there.
    """
    return max(clock.now_ms(), known) + FURTHEST_AHEAD_MS


class Numbers:
    """`figures` are what is known from the start."""

    def __init__(self, figures: Figures, presence: Presence, clock: Clock) -> None:
        self.scope: Scope = figures.scope
        self._presence = presence
        self._clock = clock
        self._figures = figures
        self._stale = False  # the ledger could not be read the last time
        self._shown: tuple[object, Stats] | None = None
        self._newest_revision = figures.revision  # of all that were read, heard or given
        self._lock = threading.Lock()  # around the four above; nothing waits while it is held

    @property
    def figures(self) -> Figures:
        return self._figures

    def learn(self, figures: Figures | None) -> None:
        """What the ledger says; None when it cannot be read. Older news changes nothing: an answer to a read may
        arrive after a receipt of a later commit.
        """
        with self._lock:
            self._stale = figures is None
            self._keep_newest(figures)

    def newest(self, after: int = 0) -> Stats:
        """The stats as far as this server has been told, without asking the ledger, at a revision over `after`."""
        with self._lock:
            return self._present(after)[1]

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
        self._presence.learn(self.scope, said)
        with self._lock:
            self._keep_newest(figures)
            census = self._presence.census(self.scope)
            if revision > self._newest_revision:
                self._newest_revision = revision
                if (self._figures, census.places) == (figures, said.places):
                    self._show(census, revision)

    def _checked(self, state: Any) -> tuple[Figures, Census, int]:
        """Raises ValueError, or whatever comes first, for what no server of ours would say."""
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

    def _present(self, after: int = 0) -> tuple[Census, Stats]:
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
        """A commit brings its revision along; any other change, a restart among them, makes the next one."""
        if self._shown is not None and self._figures.revision > self._newest_revision:
            revision = self._figures.revision
        else:
            revision = max(self._newest_revision + 1, self._clock.now_ms())
        self._newest_revision = revision
        return revision

    def _keep_newest(self, figures: Figures | None) -> None:
        if figures and _order(figures) >= _order(self._figures):
            self._figures = figures


def _order(figures: Figures) -> tuple[int, int]:
    return figures.epoch, figures.revision
