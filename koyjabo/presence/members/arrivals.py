"""How many people came online and left in each scope: today, and in the last hour. In this worker's memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from koyjabo.core.clock import MINUTE_MS, Clock
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import Online

MOST_SCOPES = 1_000
"""The scopes that are remembered: those whose count changed last."""

MINUTES = 60


class Traffic(NamedTuple):
    """People online now, and how many came and left within the last hour."""

    online: int
    came: int
    left: int


class Arrivals(NamedTuple):
    came: int = 0
    left: int = 0

    def plus(self, other: Arrivals) -> Arrivals:
        return Arrivals(self.came + other.came, self.left + other.left)


NONE = Arrivals()


@dataclass(slots=True)
class _Scope:
    version: int
    online: int
    day: str = ""
    today: Arrivals = NONE
    minutes: dict[int, Arrivals] = field(default_factory=dict)  # by minute since 1970, the oldest first


class ArrivalLog:
    """Derived from the counts of people online as they change. Counts are absolute, so the next one makes up for a lost
    message of another worker. Several changes between two counts are seen as their sum.
    """

    def __init__(self, clock: Clock) -> None:
        self.started_ms = clock.now_ms()
        self._clock = clock
        self._scopes: OrderedDict[Scope, _Scope] = OrderedDict()
        self._untold: dict[Scope, Online] = {}
        self._lock = threading.Lock()  # code that holds it must not wait

    def take_untold(self) -> dict[Scope, tuple[int, int]]:
        """Version and count of the scopes that have changed since the last call and that no other worker has told."""
        with self._lock:
            untold, self._untold = self._untold, {}
        return {scope: (online.version, online.count) for scope, online in untold.items()}

    def put_back(self, untold: dict[Scope, tuple[int, int]]) -> None:
        """They could not be told."""
        with self._lock:
            for scope in untold.keys() & self._scopes.keys():
                self._untold.setdefault(scope, Online(*untold[scope]))  # what is there is newer

    def record(self, scope: Scope, online: Online, is_told: bool = False) -> None:
        """Take in a count. Estimates, and counts that are not newer, change nothing. `is_told`: all workers know it."""
        if online.is_estimate:
            return
        with self._lock:
            if is_told and scope in self._untold and self._untold[scope].version <= online.version:
                del self._untold[scope]
            known = self._scopes.get(scope) or _Scope(0, _count_before(online.count))
            if online.version <= known.version:
                return
            if not is_told:
                self._untold[scope] = online
            change, known.version, known.online = online.count - known.online, online.version, online.count
            self._add(known, change)
            self._scopes[scope] = known
            self._scopes.move_to_end(scope)
            if len(self._scopes) > MOST_SCOPES:
                self._untold.pop(self._scopes.popitem(last=False)[0], None)

    def today(self, scope: Scope) -> Arrivals:
        with self._lock:
            known = self._scopes.get(scope)
            return known.today if known and known.day == self._clock.today() else NONE

    def occupied(self) -> list[Scope]:
        """The scopes in which somebody is online, as far as remembered."""
        with self._lock:
            return [scope for scope, known in self._scopes.items() if known.online]

    def last_hour(self, most: int) -> dict[Scope, Traffic]:
        """`most` scopes in which anyone came or left within the hour, those of the newest change first."""
        first = self._clock.now_ms() // MINUTE_MS - MINUTES + 1
        by_scope: dict[Scope, Traffic] = {}
        with self._lock:
            for scope, known in reversed(self._scopes.items()):
                if len(by_scope) == most or next(reversed(known.minutes)) < first:
                    break  # the changes of all others are older
                arrivals = _since(first, known)
                if any(arrivals):
                    by_scope[scope] = Traffic(known.online, *arrivals)
        return by_scope

    def _add(self, known: _Scope, change: int) -> None:
        now_ms = self._clock.now_ms()
        minute, day = now_ms // MINUTE_MS, self._clock.bucket(now_ms).day
        added = Arrivals(max(change, 0), max(-change, 0))
        known.today = (known.today if known.day == day else NONE).plus(added)
        known.day = day
        known.minutes[minute] = known.minutes.pop(minute, NONE).plus(added)
        while len(known.minutes) > MINUTES:
            del known.minutes[next(iter(known.minutes))]


def _count_before(count: int) -> int:
    """Before the first count that this worker hears of a scope: the first person came, or nothing is known."""
    return 0 if count == 1 else count


def _since(first_minute: int, known: _Scope) -> Arrivals:
    traffic = NONE
    for minute, each in known.minutes.items():
        traffic = traffic.plus(each) if minute >= first_minute else traffic
    return traffic
