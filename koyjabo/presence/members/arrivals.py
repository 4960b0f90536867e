"""Counts how many people came online and left in each scope today, in this worker's memory."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from .online_members import Online

MAX_ARRIVAL_SCOPES = 1_000
"""Maximum number of scopes to remember. The ones that changed last are kept."""

HOUR_MS = 3_600_000


class Arrivals(NamedTuple):
    came: int = 0
    left: int = 0

    def plus(self, other: "Arrivals") -> "Arrivals":
        return Arrivals(self.came + other.came, self.left + other.left)


NO_ARRIVALS = Arrivals()


@dataclass(slots=True)
class _Scope:
    version: int
    online: int
    day: str = ""
    today: Arrivals = NO_ARRIVALS
    changed_ms: int = 0  # when someone last came or left


class ArrivalCounter:
    """Derives arrivals and departures from the counts of people online. Counts are absolute, so losing a message from
    another worker does no harm. Several changes between two counts appear as their sum.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scopes: OrderedDict[Scope, _Scope] = OrderedDict()
        self._unsent: dict[Scope, tuple[int, int]] = {}  # version and count
        self._lock = threading.Lock()  # must not be held while waiting

    def take_unsent(self) -> dict[Scope, tuple[int, int]]:
        """Return the version and count of each scope that has changed since the last call, unless another worker has
        sent it."""
        with self._lock:
            unsent, self._unsent = self._unsent, {}
        return unsent

    def put_back(self, unsent: dict[Scope, tuple[int, int]]) -> None:
        """Put back counts that could not be sent."""
        with self._lock:
            for scope in unsent.keys() & self._scopes.keys():
                self._unsent.setdefault(scope, unsent[scope])  # an existing entry is newer

    def record(self, scope: Scope, online: Online, is_sent: bool = False) -> None:
        """Record a count. Ignores estimates and counts that are not newer. Set `is_sent` if all workers already have
        it.
        """
        if online.is_estimate:
            return
        with self._lock:
            if is_sent and scope in self._unsent and self._unsent[scope][0] <= online.version:
                del self._unsent[scope]
            # Before the first count that this worker receives, no one was online if it is 1. Otherwise it is unknown.
            known = self._scopes.get(scope) or _Scope(0, 0 if online.count == 1 else online.count)
            if online.version <= known.version:
                return
            if not is_sent:
                self._unsent[scope] = online.version, online.count
            change, known.version, known.online = online.count - known.online, online.version, online.count
            self._add(known, change)
            self._scopes[scope] = known
            self._scopes.move_to_end(scope)
            if len(self._scopes) > MAX_ARRIVAL_SCOPES:
                self._unsent.pop(self._scopes.popitem(last=False)[0], None)

    def today(self, scope: Scope) -> Arrivals:
        with self._lock:
            known = self._scopes.get(scope)
            return known.today if known and known.day == self._clock.today() else NO_ARRIVALS

    def busy(self, most: int) -> dict[Scope, int]:
        """Return the people online in up to `most` scopes where someone came or left within the last hour, latest
        change first.
        """
        since_ms = self._clock.now_ms() - HOUR_MS
        with self._lock:
            changed = (
                (scope, known.online) for scope, known in reversed(self._scopes.items()) if known.changed_ms > since_ms
            )
            return dict(islice(changed, most))

    def _add(self, known: _Scope, change: int) -> None:
        now_ms = self._clock.now_ms()
        day = self._clock.bucket(now_ms).day
        known.today = (known.today if known.day == day else NO_ARRIVALS).plus(Arrivals(max(change, 0), max(-change, 0)))
        known.day = day
        if change:
            known.changed_ms = now_ms
