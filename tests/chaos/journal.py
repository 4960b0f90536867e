"""Records the server's responses to all clients, and the promises they break."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from support.programs.processes import wait_until

Result = TypeVar("Result")
Visit = tuple[str, str]  # (visitorId, visitId)
MAX_ALIKE = 3
"""How many breaches that differ only in numbers are recorded. Further ones are only counted, so that they do not hide
other breaches.
"""

UNDER_WAY_S = 2.0  # how long after it was sent a response may be read
NUMBERS = re.compile(r"[0-9]+")


@dataclass
class Entry:
    """One visit. `ordinal` is None until a response contains it."""

    sent: int = 0
    ordinal: int | None = None
    fresh: int = 0  # responses without `duplicate`
    at: float = 0.0
    """When it was first acknowledged, or first acknowledged again after it was lost; monotonic clock, in s."""


class Breach(NamedTuple):
    at_s: float  # seconds since the start of the journal
    what: str
    after: tuple[str, ...]  # the last faults before the breach

    def __str__(self) -> str:
        return f"- at {self.at_s:.1f} s, after {', '.join(self.after) or 'nothing'}: {self.what}"


class Journal:
    """A journal that all clients share. Any thread may call its methods."""

    def __init__(self) -> None:
        self.visits: dict[Visit, Entry] = {}
        self.events: set[Visit] = set()  # (visitorId, id) of all events sent
        self.acknowledged_events: dict[Visit, float] = {}
        """When each event was acknowledged, on the monotonic clock, in s."""
        self.lost_spans: list[tuple[float, float]] = []
        """Periods whose acknowledged visits the database may have lost: from the restored state until the server
        noticed the rollback.
        """
        self.breaches: list[Breach] = []
        self.faults: list[str] = []
        self.clock_steps = 0  # faults that moved the clock
        self.counts: Counter[str] = Counter()
        self.newest = 0  # the highest visit number in any response
        self._epochs: set[str] = set()
        self._given: dict[int, Visit] = {}
        self._alike: Counter[str] = Counter()
        self._began = time.monotonic()
        self._lock = threading.RLock()

    def sending(self, visit: Visit) -> None:
        with self._lock:
            self.visits.setdefault(visit, Entry()).sent += 1

    def acknowledged(self, visit: Visit, ordinal: int, duplicate: bool) -> None:
        with self._lock:
            entry = self.visits[visit]
            if self._given.setdefault(ordinal, visit) != visit:
                self.breach(f"ordinal {ordinal} was given to {self._given[ordinal]} and to {visit}")
            if entry.ordinal not in (None, ordinal) and self.may_be_lost(entry.at):
                entry.ordinal, entry.fresh = None, 0
                self.counts["lost visits that were sent again"] += 1
            if entry.ordinal is None:
                entry.ordinal, entry.at = ordinal, time.monotonic()
                self.counts["visits acknowledged"] += 1
                if duplicate and entry.sent == 1:
                    self.breach(f"{visit} was called a retry the first time it was sent")
            elif entry.ordinal != ordinal:
                self.breach(f"{visit} was answered ordinal {entry.ordinal}, and then {ordinal}")
            entry.fresh += not duplicate
            if entry.fresh > 1:
                self.breach(f"{visit} was called new {entry.fresh} times")
            self.newest = max(self.newest, ordinal)

    def sending_events(self, events: list[Visit]) -> None:
        with self._lock:
            self.events.update(events)

    def events_acknowledged(self, events: list[Visit]) -> None:
        with self._lock:
            self.acknowledged_events.update(dict.fromkeys(events, time.monotonic()))
            self.counts["events acknowledged"] += len(events)

    def is_known_epoch(self, epoch: str) -> bool:
        with self._lock:
            self._epochs.add(epoch)
            return len(self._epochs) <= 1 + len(self.lost_spans)  # one for each rollback of the database

    def may_be_lost(self, at: float) -> bool:
        """Whether a rollback may have lost what was acknowledged at this time."""
        return any(began <= at <= ended + UNDER_WAY_S for began, ended in self.lost_spans)

    @contextmanager
    def losing(self) -> Iterator[None]:
        """Record the period of a rollback. The database will return to its state on entry."""
        began = time.monotonic()
        with self._lock:
            self.lost_spans.append((began, float("inf")))
        try:
            yield
        finally:
            with self._lock:
                self.lost_spans[-1] = began, time.monotonic()

    def note(self, what: str, times: int = 1) -> None:
        with self._lock:
            self.counts[what] += times

    def breach(self, what: str) -> None:
        with self._lock:
            self.counts["breaches"] += 1
            kind = NUMBERS.sub("", what)[:40]
            self._alike[kind] += 1
            if self._alike[kind] <= MAX_ALIKE:
                self.breaches.append(Breach(time.monotonic() - self._began, what, tuple(self.faults[-3:])))

    def expect(self, condition: Callable[[], object], what: str, within_s: float, every_s: float = 0.05) -> None:
        """Record a breach if `condition` does not become true in time."""
        try:
            wait_until(condition, what, within_s, every_s)
        except AssertionError as error:
            self.breach(str(error))

    def attempt(self, who: str, do: Callable[[], Result]) -> Result | None:
        """Call `do`, and return its result. An exception is a breach, so that it ends neither a thread nor the run."""
        try:
            return do()
        except Exception as error:
            self.breach(f"{who}: {type(error).__name__}: {error}")
            return None

    @property
    def acknowledged_visits(self) -> dict[Visit, int]:
        with self._lock:
            return {visit: entry.ordinal for visit, entry in self.visits.items() if entry.ordinal is not None}


class Seen:
    """Stats that one client has seen for one scope. Totals never fall within an epoch (specification: promise 3)."""

    def __init__(self, journal: Journal, who: str) -> None:
        self.total = self.last = -1
        self._journal = journal
        self._who = who
        self._on_line: tuple[int, int] | None = None  # total and revision on the open socket

    def begin_line(self) -> None:
        self._on_line = None

    def see(self, stats: dict[str, Any], pushed: bool) -> None:
        """Check new stats. Pushed stats must be in order; other responses may only be older if marked stale."""
        total, revision, stale = stats["totalVisitors"], stats["revision"], stats.get("stale", False)
        if not self._journal.is_known_epoch(stats["epoch"]):
            self._journal.breach(f"{self._who} was shown another epoch: {stats}")
        if total < self.total and not stale:
            self._journal.breach(f"{self._who} was shown {total} after {self.total} (pushed: {pushed})")
        if pushed and self._on_line is not None:
            last_total, last_revision = self._on_line
            if total < last_total or revision <= last_revision:
                last = f"{last_total} at {last_revision} on one socket"
                self._journal.breach(f"{self._who}: total {total} at revision {revision} followed {last}")
        if pushed:
            self._on_line = total, revision
        self.last = total
        self.total = max(self.total, total)
