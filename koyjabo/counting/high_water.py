"""The highest numbers of each scope that were acknowledged or shown. If the database is below them, it was rolled back
(specification: A rolled-back database). Workers share these marks through Redis (`high_water_redis`); without Redis,
each process has its own.
"""

from _thread import RLock
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.models import SITE, Scope
from .records import CounterSnapshot

SERVER_UNKNOWN = "-"
"""Value of `server` in a process that has not collected the marks of other workers yet. It does so before its first
commit.
"""

HIGH_WATER = "high_water"
"""Subject of the message that asks other workers for their high-water marks."""


class HighWaterMark(NamedTuple):
    """The mark of one scope."""

    epoch: int  # ms
    total: int
    revision: int  # the counter's revision; the revision of a room may be greater

    def raised_to(self, other: "HighWaterMark") -> "HighWaterMark":
        """The higher of the two marks. Totals and revisions are only compared within an epoch."""
        if self.epoch != other.epoch:
            return max(self, other)
        return HighWaterMark(self.epoch, max(self.total, other.total), max(self.revision, other.revision))

    def is_above(self, mark: "HighWaterMark") -> bool:
        """Whether a counter that is at `mark` now must have been rolled back."""
        if self.epoch != mark.epoch:
            return self.epoch > mark.epoch
        return self.total > mark.total or self.revision > mark.revision


NO_MARK = HighWaterMark(0, 0, 0)


class DatabaseRolledBack(LedgerUnavailable):
    """The site's counter seems to be below `mark`, which was acknowledged. Nothing was written. If `server` is set,
    this database server may have been rolled back: not all workers' marks have been collected since it was first
    reached.
    """

    def __init__(self, mark: HighWaterMark = NO_MARK, server: str = "") -> None:
        super().__init__()
        self.mark = mark
        self.server = server


class HighWater:
    """The marks of this process. The event loop raises them; real threads only read `site` and `server`.

    `server` is the database server that was in use when all workers' marks were collected. If it is None, the first
    server is trusted.
    """

    def __init__(self, server: str | None = None) -> None:
        self.site = NO_MARK
        self.server = server
        self.rounds = 0
        """How often workers have collected all marks. Commits from before the last round may be lost."""
        self._marks: dict[Scope, HighWaterMark] = {}
        self._unshared: set[Scope] = set()
        # A real lock, as in `metrics`. It guards `_marks`, `_unshared` and `site` if each request has a thread.
        self._lock = RLock()

    def note(self, snapshot: CounterSnapshot) -> None:
        """Raise a scope's mark to numbers that were acknowledged or will be shown."""
        self._raise(snapshot.scope, mark_of(snapshot))

    def merge(self, marks: Mapping[Scope, HighWaterMark]) -> None:
        """Raise the marks to what other workers have acknowledged. Ignores a newer epoch of the site with a lower
        total: the next read of the database decides whether that is right.
        """
        for scope, mark in marks.items():
            if not (scope == SITE and begins_below(mark, self.site)):
                self._raise(scope, mark)

    def of(self, scope: Scope) -> HighWaterMark:
        return self._marks.get(scope, NO_MARK)

    def all(self) -> dict[Scope, HighWaterMark]:
        with self._lock:
            return dict(self._marks)

    def unshared(self) -> dict[Scope, HighWaterMark]:
        """The marks that were raised since they were last `shared`."""
        with self._lock:
            return {scope: self._marks[scope] for scope in self._unshared}

    def shared(self, marks: Mapping[Scope, HighWaterMark]) -> None:
        """Note that other workers can now read these marks."""
        with self._lock:
            self._unshared -= {scope for scope, mark in marks.items() if self._marks.get(scope, mark) == mark}

    def unshare(self) -> None:
        """Note that the `shared` marks may have been lost, so that they are shared again."""
        with self._lock:
            self._unshared.update(self._marks)

    def replace(self, known: Iterable[Scope], standing: Mapping[Scope, HighWaterMark]) -> None:
        """Raise the marks to `standing`, the counters of a new epoch, and forget the `known` scopes that have no
        counter.
        """
        for scope, mark in standing.items():
            self._raise(scope, mark)
        with self._lock:
            for scope in set(known) - set(standing):
                self._marks.pop(scope, None)
                self._unshared.discard(scope)

    def _raise(self, scope: Scope, mark: HighWaterMark) -> None:
        with self._lock:
            old = self._marks.get(scope, NO_MARK)
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


def require_not_below(snapshot: CounterSnapshot, mark: HighWaterMark) -> None:
    """Check that the site's counter is not below its mark. Raises DatabaseRolledBack if it is, or if a newer epoch
    began below the mark: another server continued from a lower total than this one has acknowledged, or an admin
    lowered the total.

    When reading without the counter's lock, take the mark first, because `snapshot` may lack visits that are
    acknowledged during the read.
    """
    current = mark_of(snapshot)
    if mark.is_above(current) or begins_below(current, mark):
        raise DatabaseRolledBack(mark)


def rollback_of(error: LedgerUnavailable) -> DatabaseRolledBack | None:
    """The rollback that caused `error`; None if something else did."""
    cause = error.__cause__
    return cause if isinstance(cause, DatabaseRolledBack) else None


class SharedHighWater:
    """The marks that the workers of one database share. They outlive the workers. No method raises an error. These
    methods do nothing, because a worker without Redis is the only one, and keeps its marks in memory.
    """

    def load(self) -> None:
        """Raise the marks of this process to the shared ones. May wait."""

    def renew(self) -> None:
        """Share this process's marks soon, and read the shared mark of the site. Does not wait."""

    def gather(self, ask: Callable[[str], object]) -> None:
        """Raise this process's marks to the marks of all live workers. Sends them a request with `ask`, and waits up to
        ASK_S for the responses. For workers that do not respond, their last shared marks are used.
        """

    def reply(self, request: str) -> None:
        """Share this process's marks now, and notify the worker that sent the request. Does not wait."""

    def renew_all(self) -> None:
        """Share all marks again, because the shared ones may have been lost."""

    def replace(self, known: Iterable[Scope], standing: Mapping[Scope, HighWaterMark]) -> None:
        """Like `HighWater.replace`, for all workers. Does not wait."""
