"""The people with connections to this worker, and their connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from koyjabo.clock import Clock
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import Here

MOST_TOLD = 1000
"""The most people of a scope that are listed by name."""


@dataclass(slots=True)
class Attendance:
    since_ms: int  # wall clock
    holds: dict[str, bool] = field(default_factory=dict)  # by id: whether open; False during the grace period


class OwnConnections:
    """Not thread-safe: the caller holds a lock around each method. Unknown connections are ignored."""

    def __init__(self, clock: Clock, grace_s: float) -> None:
        self._clock = clock
        self._grace_ms = round(grace_s * 1000)
        self._attendances: dict[Scope, dict[str, Attendance]] = {}
        self._graces: dict[tuple[Scope, str, str], int] = {}  # end, ms of `Clock.elapsed_ms`, in order

    def hold(self, scope: Scope, person: str, hold_id: str) -> bool:
        """Record an open connection. True when it is the person's first."""
        attendances = self._attendances.setdefault(scope, {})
        has_arrived = person not in attendances
        if has_arrived:
            attendances[person] = Attendance(self._clock.now_ms())
        attendances[person].holds[hold_id] = True
        self._graces.pop((scope, person, hold_id), None)
        return has_arrived

    def lose(self, scope: Scope, person: str, hold_id: str) -> None:
        attendance = self._attendance(scope, person)
        if attendance and attendance.holds.get(hold_id):
            attendance.holds[hold_id] = False
            self._graces[scope, person, hold_id] = self._clock.elapsed_ms() + self._grace_ms

    def release(self, scope: Scope, person: str, hold_id: str) -> bool:
        """Remove a connection. True when it was the person's last."""
        attendance = self._attendance(scope, person)
        if attendance is None or attendance.holds.pop(hold_id, None) is None:
            return False
        self._graces.pop((scope, person, hold_id), None)
        if attendance.holds:
            return False
        del self._attendances[scope][person]
        if not self._attendances[scope]:
            del self._attendances[scope]
        return True

    def end_graces(self) -> list[tuple[Scope, str]]:
        """Release the connections whose grace period has ended, and return the people who left by that."""
        now_ms = self._clock.elapsed_ms()
        ended = list(takewhile(lambda each: self._graces[each] <= now_ms, self._graces))
        return [(scope, person) for scope, person, hold_id in ended if self.release(scope, person, hold_id)]

    def count(self, scope: Scope) -> int:
        return len(self._attendances.get(scope, ()))

    def scopes(self) -> list[Scope]:
        return list(self._attendances)

    def names(self, scope: Scope) -> list[str]:
        return list(self._attendances.get(scope, ()))

    def here(self, scope: Scope, person: str) -> Here | None:
        attendance = self._attendance(scope, person)
        return Here(person, attendance.since_ms, sum(attendance.holds.values())) if attendance else None

    def people(self, scope: Scope) -> list[Here]:
        found = sorted(self._all_people(scope), key=lambda here: (here.since_ms, here.person))
        return found[:MOST_TOLD]

    def _all_people(self, scope: Scope) -> Iterator[Here]:
        for person, attendance in self._attendances.get(scope, {}).items():
            yield Here(person, attendance.since_ms, sum(attendance.holds.values()))

    def _attendance(self, scope: Scope, person: str) -> Attendance | None:
        return self._attendances.get(scope, {}).get(person)
