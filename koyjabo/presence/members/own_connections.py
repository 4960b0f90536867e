"""Whom this worker itself holds a place for, and by how many lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from koyjabo.clock import Clock
from koyjabo.models import Scope
from koyjabo.presence.members.online_members import Here

MOST_TOLD = 1000
"""People of a scope that are told by name."""


@dataclass(slots=True)
class Stay:
    since_ms: int  # wall clock
    holds: dict[str, bool] = field(default_factory=dict)  # by id: whether the line is up


class Held:
    """The caller sees to it that one method runs at a time. Unknown holds are no error."""

    def __init__(self, clock: Clock, grace_s: float) -> None:
        self._clock = clock
        self._grace_ms = round(grace_s * 1000)
        self._stays: dict[Scope, dict[str, Stay]] = {}
        self._graces: dict[tuple[Scope, str, str], int] = {}  # ms of `Clock.elapsed_ms`; the first to end come first

    def hold(self, scope: Scope, person: str, hold_id: str) -> bool:
        """True when it is the person's first."""
        stays = self._stays.setdefault(scope, {})
        arrives = person not in stays
        if arrives:
            stays[person] = Stay(self._clock.now_ms())
        stays[person].holds[hold_id] = True
        self._graces.pop((scope, person, hold_id), None)
        return arrives

    def lose(self, scope: Scope, person: str, hold_id: str) -> None:
        stay = self._stay(scope, person)
        if stay and stay.holds.get(hold_id):
            stay.holds[hold_id] = False
            self._graces[scope, person, hold_id] = self._clock.elapsed_ms() + self._grace_ms

    def release(self, scope: Scope, person: str, hold_id: str) -> bool:
        """True when it was the person's last."""
        stay = self._stay(scope, person)
        if stay is None or stay.holds.pop(hold_id, None) is None:
            return False
        self._graces.pop((scope, person, hold_id), None)
        if stay.holds:
            return False
        del self._stays[scope][person]
        if not self._stays[scope]:
            del self._stays[scope]
        return True

    def end_graces(self) -> list[tuple[Scope, str]]:
        """Release what was lost a grace ago, and say who left with that."""
        now_ms = self._clock.elapsed_ms()
        over = list(takewhile(lambda each: self._graces[each] <= now_ms, self._graces))
        return [(scope, person) for scope, person, hold_id in over if self.release(scope, person, hold_id)]

    def count(self, scope: Scope) -> int:
        return len(self._stays.get(scope, ()))

    def scopes(self) -> list[Scope]:
        return list(self._stays)

    def names(self, scope: Scope) -> list[str]:
        return list(self._stays.get(scope, ()))

    def here(self, scope: Scope, person: str) -> Here | None:
        stay = self._stay(scope, person)
        return Here(person, stay.since_ms, sum(stay.holds.values())) if stay else None

    def people(self, scope: Scope) -> list[Here]:
        found = sorted(self._everybody(scope), key=lambda here: (here.since_ms, here.person))
        return found[:MOST_TOLD]

    def _everybody(self, scope: Scope) -> Iterator[Here]:
        for person, stay in self._stays.get(scope, {}).items():
            yield Here(person, stay.since_ms, sum(stay.holds.values()))

    def _stay(self, scope: Scope, person: str) -> Stay | None:
        return self._stays.get(scope, {}).get(person)
