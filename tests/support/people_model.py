"""Who was in which community when, in a few dictionaries: what people and reports are compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

Moment = tuple[str, int]
"""(local day, beginning of the local hour)"""


def moment(at_ms: int, zone: ZoneInfo) -> Moment:
    local = datetime.fromtimestamp(at_ms // 1000, zone)
    offset_s = int(local.utcoffset().total_seconds())
    return local.strftime("%Y-%m-%d"), (at_ms // 1000 + offset_s) // 3600 * 3600 - offset_s


@dataclass
class Crowd:
    """One event after the other, and every question answered from the events."""

    zone: ZoneInfo
    visits: list[tuple[str, str, str | None, Moment]] = field(default_factory=list)
    attended: list[tuple[str, str, Moment]] = field(default_factory=list)
    names: dict[tuple[str, str], str | None] = field(default_factory=dict)
    converted: list[tuple[str, str]] = field(default_factory=list)

    def visit(self, scope: str, visitor: str, user: str | None, at_ms: int) -> None:
        self.names.setdefault((scope, visitor), user)
        self.visits.append((scope, visitor, user, moment(at_ms, self.zone)))

    def attend(self, scope: str, user: str, at_ms: int) -> None:
        self.attended.append((scope, user, moment(at_ms, self.zone)))

    def convert(self, user: str, visitor: str) -> set[str]:
        """The communities in which that was news."""
        scopes = {
            scope
            for scope, who, said, _ in self.visits
            if who == visitor and said is None and self.names[scope, who] is None
        }
        for scope in scopes:
            self.names[scope, visitor] = user
            self.converted.append((scope, visitor))
        return scopes

    def rate(self, scope: str) -> float:
        conversions = sum(where == scope for where, _ in self.converted)
        anonymous = sum(person.startswith("v:") for person in self.people(scope))
        return round(100 * conversions / (conversions + anonymous), 1)

    def people(self, scope: str) -> dict[str, set[Moment]]:
        found: dict[str, set[Moment]] = defaultdict(set)
        for where, visitor, said, at in self.visits:
            if where == scope:
                user = said or self.names[scope, visitor]
                found[f"u:{user}" if user else f"v:{visitor}"].add(at)
        for where, user, at in self.attended:
            if where == scope:
                found[f"u:{user}"].add(at)
        return found

    def between(self, scope: str, start: str, end: str) -> tuple[int, int]:
        return split(who for who, at in self.people(scope).items() if any(start <= day <= end for day, _ in at))

    def in_hour(self, scope: str, hour_s: int) -> tuple[int, int]:
        return split(who for who, at in self.people(scope).items() if any(hour == hour_s for _, hour in at))

    def days(self) -> list[str]:
        return sorted({at[0] for *_, at in self.visits} | {at[0] for *_, at in self.attended})

    def hours(self) -> set[int]:
        return {at[1] for *_, at in self.visits} | {at[1] for *_, at in self.attended}


def split(people: Iterable[str]) -> tuple[int, int]:
    kinds = [who[0] for who in people]
    return kinds.count("u"), kinds.count("v")


def shifted(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days)).isoformat()
