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


NOT_ASKED = "-"
"""Of a process that has not asked what other workers have acknowledged: it does so before it commits on any server."""


class DatabaseWentBack(LedgerUnavailable):
    """The site's counter seems to stand below `mark`, which was acknowledged. Nothing was written.

    With a `server`, the marks are not known of all workers since that server was first reached; it may have gone back.
    """

    def __init__(self, mark: HighWaterMark = NONE, server: str = "") -> None:
        super().__init__()
        self.mark = mark
        self.server = server


class HighWater:
    """The marks of this process. The event loop raises them; real threads only read `site` and `server`.

    `server` names the database server since which the marks of all workers were gathered; None trusts the first one.
    """

    def __init__(self, server: str | None = None) -> None:
        self.site = NONE
        self.server = server
        self.questions = 0
        """How often a worker has asked for these marks. A commit from before the last question may be lost."""
        self._marks: dict[Scope, HighWaterMark] = {}
        self._unshared: set[Scope] = set()
        self._lock = threading.Lock()  # guards the two above and `site`, for servers with a thread for each request

    def note(self, snapshot: CounterSnapshot) -> None:
        """Figures were acknowledged, or will be shown."""
        self._raise(snapshot.scope, mark_of(snapshot))

    def merge(self, marks: Mapping[Scope, HighWaterMark]) -> None:
        """Take in what other workers have acknowledged.

        Not a newer epoch of the site with a lower total: the next read of the database decides whether that is right.
        """
        for scope, mark in marks.items():
            if not (scope == SITE and begins_below(mark, self.site)):
                self._raise(scope, mark)

    def of(self, scope: Scope) -> HighWaterMark:
        return self._marks.get(scope, NONE)

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

    def unshare(self) -> None:
        """Others may have lost what was `shared` with them."""
        with self._lock:
            self._unshared.update(self._marks)

    def replace(self, known: Iterable[Scope], standing: Mapping[Scope, HighWaterMark]) -> None:
        """The counters stand at `standing` now, in a new epoch. Forget the scopes of `known` that have no counter."""
        for scope, mark in standing.items():
            self._raise(scope, mark)
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


def begins_below(mark: HighWaterMark, other: HighWaterMark) -> bool:
    return mark.epoch > other.epoch and mark.total < other.total


def mark_of(snapshot: CounterSnapshot) -> HighWaterMark:
    return HighWaterMark(snapshot.epoch, snapshot.total, snapshot.revision)


def require_not_below(found: CounterSnapshot, mark: HighWaterMark) -> None:
    """Raises DatabaseWentBack when the site's counter stands below its mark, or a newer epoch begins below it: another
    server that went on from less than this one has acknowledged, or somebody who has lowered the total.

    Take the mark before the counter is read without its lock: what is acknowledged in between need not be in `found`.
    """
    stands = mark_of(found)
    if mark.is_above(stands) or begins_below(stands, mark):
        raise DatabaseWentBack(mark)


def rollback_of(error: LedgerUnavailable) -> DatabaseWentBack | None:
    """Why a batch or a read has failed, if the database seems to have gone back."""
    cause = error.__cause__
    return cause if isinstance(cause, DatabaseWentBack) else None


class SharedHighWater(Protocol):
    """What the workers of one database remember together, beyond the end of each of them. No method raises."""

    def load(self) -> None:
        """Raise the marks of this process to those that are remembered. May wait."""

    def renew(self) -> None:
        """Remember the marks of this process, soon, and take in that of the site. Does not wait."""

    def gather(self, ask: Callable[[str], object]) -> None:
        """Raise the marks of this process to those of all live workers, which `ask` sends a question. Waits for their
        answers, ASK_S at most; of a worker that is silent, what it has renewed last counts.
        """

    def answer(self, question: str) -> None:
        """Remember the marks of this process now, and tell the worker that asks. Does not wait."""

    def renew_all(self) -> None:
        """What was remembered may be lost: `renew` all of it."""

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

    def renew_all(self) -> None:
        pass

    def replace(self, known: Iterable[Scope], standing: Mapping[Scope, HighWaterMark]) -> None:
        pass
