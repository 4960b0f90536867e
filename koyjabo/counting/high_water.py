"""The greatest figures of each scope that were acknowledged or shown, by which a database that went back is noticed
(specification: A database that goes back).

Workers share them through Redis (`high_water_redis`). Without Redis each process has its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.counting.records import CounterSnapshot
from koyjabo.models import SITE, Scope


class HighWaterMark(NamedTuple):
    """Of one scope."""

    epoch: int  # ms
    total: int
    revision: int  # of the counter: that of a room may be greater

    def raised_to(self, other: HighWaterMark) -> HighWaterMark:
        """The greater one of each; a total and a revision count within the newer epoch only."""
        if self.epoch != other.epoch:
            return max(self, other)
        return HighWaterMark(self.epoch, max(self.total, other.total), max(self.revision, other.revision))

    def is_above(self, found: HighWaterMark) -> bool:
        """Whether a counter that is found at `found` has gone back."""
        if self.epoch != found.epoch:
            return self.epoch > found.epoch
        return self.total > found.total or self.revision > found.revision


NONE = HighWaterMark(0, 0, 0)


class DatabaseWentBack(LedgerUnavailable):
    """The site's counter seems to stand below what was acknowledged. Nothing was written."""


class HighWater:
    """The marks of this process. The event loop raises them; real threads only read `site`."""

    def __init__(self) -> None:
        self.site = NONE
        self.questions = 0
        """How often a worker has asked for these marks. A commit from before the last question may be lost."""
        self._marks: dict[Scope, HighWaterMark] = {}
        self._unshared: set[Scope] = set()
        self._lock = threading.Lock()  # guards the two above and `site`, for servers with a thread for each request

    def note(self, snapshot: CounterSnapshot) -> None:
        """Figures were acknowledged, or will be shown."""
        self._raise(snapshot.scope, HighWaterMark(snapshot.epoch, snapshot.total, snapshot.revision))

    def merge(self, marks: Mapping[Scope, HighWaterMark]) -> None:
        """Take in what other workers have acknowledged."""
        for scope, mark in marks.items():
            self._raise(scope, mark)

    def all(self) -> dict[Scope, HighWaterMark]:
        with self._lock:
            return dict(self._marks)

    def unshared(self) -> dict[Scope, HighWaterMark]:
        """Those that were raised since they were last `shared`."""
        with self._lock:
            return {scope: self._marks[scope] for scope in self._unshared}

    def shared(self, marks: Mapping[Scope, HighWaterMark]) -> None:
        """Other workers can read these now."""
        with self._lock:
            self._unshared -= {scope for scope, mark in marks.items() if self._marks.get(scope, mark) == mark}

    def replace(self, known: Iterable[Scope], standing: Mapping[Scope, HighWaterMark]) -> None:
        """The counters stand at `standing` now, in a new epoch. Forget the scopes of `known` that have no counter."""
        self.merge(standing)
        with self._lock:
            for scope in set(known) - set(standing):
                self._marks.pop(scope, None)
                self._unshared.discard(scope)

    def _raise(self, scope: Scope, mark: HighWaterMark) -> None:
        with self._lock:
            old = self._marks.get(scope, NONE)
            new = old.raised_to(mark)
            if new == old:
                return
            self._marks[scope] = new
            self._unshared.add(scope)
            if scope == SITE:
                self.site = new


def require_not_below(found: CounterSnapshot, mark: HighWaterMark) -> None:
    """Raises DatabaseWentBack when the site's counter stands below its mark, or a newer epoch begins below it: another
    server that went on from less than this one has acknowledged, or somebody who has lowered the total.

    Take the mark before the counter is read without its lock: what is acknowledged in between need not be in `found`.
    """
    stands = HighWaterMark(found.epoch, found.total, found.revision)
    if mark.is_above(stands) or (mark.epoch < stands.epoch and mark.total > stands.total):
        raise DatabaseWentBack


def is_rollback(error: LedgerUnavailable) -> bool:
    """Whether a batch or a read has failed with DatabaseWentBack."""
    return isinstance(error.__cause__, DatabaseWentBack)


class SharedHighWater(Protocol):
    """What the workers of one database remember together, beyond the end of each of them. No method raises."""

    def load(self) -> None:
        """Raise the marks of this process to those that are remembered. May wait."""

    def renew(self) -> None:
        """Remember the marks of this process, soon. Does not wait."""

    def gather(self, ask: Callable[[str], object]) -> None:
        """Raise the marks of this process to those of all live workers, which `ask` sends a question. Waits for their
        answers, ASK_S at most; of a worker that is silent, what it has renewed last counts.
        """

    def answer(self, question: str) -> None:
        """Remember the marks of this process now, and tell the worker that asks. Does not wait."""

    def replace(self, known: Iterable[Scope], standing: Mapping[Scope, HighWaterMark]) -> None:
        """As `HighWater.replace`, for all workers. Does not wait."""


class UnsharedHighWater:
    """A single worker remembers for itself."""

    def load(self) -> None:
        pass

    def renew(self) -> None:
        pass

    def gather(self, ask: Callable[[str], object]) -> None:
        pass

    def answer(self, question: str) -> None:
        pass

    def replace(self, known: Iterable[Scope], standing: Mapping[Scope, HighWaterMark]) -> None:
        pass
