"""A site with two communities, and dictionaries of who was in each of them and when, to compare with reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations_with_replacement, count
from zoneinfo import ZoneInfo

from sqlalchemy.engine import make_url

from koyjabo.base.core.clock import shifted
from koyjabo.base.models import SITE
from koyjabo.counting.ledger_store import open_store
from koyjabo.counting.records import NewVisit
from koyjabo.reports.community_people import Reports
from koyjabo.reports.people_queries import VisitorConversion
from support.application.site import Site, Time

Moment = tuple[str, int]  # (local day, start of the local hour)
DAY_S = 86_400


def local_hour(at_ms: int, zone: ZoneInfo) -> tuple[str, int]:
    """The local day, and the first of the seconds up to this one that have its hour and its UTC offset."""
    at_s = began_s = at_ms // 1000
    shown = _shown(at_s, zone)
    for step_s in (60, 1):
        while _shown(began_s - step_s, zone) == shown:
            began_s -= step_s
    return shown[0], began_s


def changes(zone: ZoneInfo, first_year: int, last_year: int) -> Iterator[int]:
    """The moments when the zone's UTC offset changes, s since 1970."""
    began_s, ended_s = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (first_year, last_year + 1))
    for before_s in range(began_s, ended_s, DAY_S):
        after_s = before_s + DAY_S
        if _offset(before_s, zone) != _offset(after_s, zone):
            while after_s - before_s > 1:
                middle_s = (before_s + after_s) // 2
                is_before = _offset(middle_s, zone) == _offset(before_s, zone)
                before_s, after_s = (middle_s, after_s) if is_before else (before_s, middle_s)
            yield after_s


def _offset(at_s: int, zone: ZoneInfo) -> object:
    return datetime.fromtimestamp(at_s, zone).utcoffset()


def _shown(at_s: int, zone: ZoneInfo) -> tuple[str, int, object]:
    local = datetime.fromtimestamp(at_s, zone)
    return local.date().isoformat(), local.hour, local.utcoffset()


@dataclass
class PeopleModel:
    """Records events, and computes every result from them."""

    zone: ZoneInfo
    visits: list[tuple[str, str, str | None, Moment]] = field(default_factory=list)
    attended: list[tuple[str, str, Moment]] = field(default_factory=list)
    names: dict[tuple[str, str], str | None] = field(default_factory=dict)
    converted: list[tuple[str, str]] = field(default_factory=list)

    def visit(self, scope: str, visitor: str, user: str | None, at_ms: int) -> None:
        self.names.setdefault((scope, visitor), user)
        self.visits.append((scope, visitor, user, local_hour(at_ms, self.zone)))

    def attend(self, scope: str, user: str, at_ms: int) -> None:
        self.attended.append((scope, user, local_hour(at_ms, self.zone)))

    def convert(self, user: str, visitor: str) -> set[str]:
        """Assign an anonymous visitor's visits to a user. Returns the communities where they were unassigned."""
        scopes = {
            scope
            for scope, who, account, _ in self.visits
            if who == visitor and account is None and self.names[scope, who] is None
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
        times: dict[str, set[Moment]] = defaultdict(set)
        for where, visitor, account, at in self.visits:
            if where == scope:
                user = account or self.names[scope, visitor]
                times[f"u:{user}" if user else f"v:{visitor}"].add(at)
        for where, user, at in self.attended:
            if where == scope:
                times[f"u:{user}"].add(at)
        return times

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


HERE, THERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
AYESHA, KARIM, NILA = (f"{n}{n}{n}{n}0000-0000-4000-8000-000000000000" for n in "123")
STARTS = {
    "Asia/Dhaka": "2025-12-16T21:00:00+06:00",
    "Asia/Kathmandu": "2025-12-31T22:50:00+05:45",
    "Europe/Berlin": "2026-03-28T20:30:00+01:00",  # the next day has 23 hours
    "America/Havana": "2026-10-31T20:30:00-04:00",  # 25 hours, and midnight twice
    "Australia/Lord_Howe": "2026-04-04T21:15:00+11:00",  # 24.5 hours
}
HOUR_MS = 3_600_000


class World:
    conversions: list[VisitorConversion]

    def __init__(self, url: str, zone: str = "Asia/Dhaka", start: str = "") -> None:
        self.time = Time()
        self.time.go_to(start or STARTS[zone])
        self.site = Site(url, self.time, TIMEZONE=zone)
        for community in (HERE, THERE):
            self.site.add_community(community)
        self.reports = self.site.services[Reports]
        self.conversions = []
        self.site.services.signals.visitor_converted.connect(self.conversions.append, weak=False)
        self.model = PeopleModel(ZoneInfo(zone))
        self.store = open_store(make_url(url), self.site.services.clock)
        self._names = count()

    def close(self) -> None:
        self.store.close()
        self.site.close()

    def commit(self, *visits: tuple[str, str, str | None], at_ms: tuple[int, ...] = ()) -> None:
        """Register these visits in one commit. Each is (scope, visitor, user)."""
        batch = []
        for number, (scope, visitor, user) in enumerate(visits):
            moment = at_ms[number] if at_ms else self.time.ms
            name = str(next(self._names))
            batch.append((NewVisit(visitor, name, scope, at_ms=moment, user_id=user), name))
            if scope != SITE:
                self.model.visit(scope, visitor, user, moment)
        with self.store.writing():
            receipts = self.store.commit(batch)
        assert [receipt.own.scope for receipt in receipts] == [scope for scope, *_ in visits]

    def attend(self, scope: str, *users: str) -> bool:
        for user in users:
            self.model.attend(scope, user, self.time.ms)
        return self.reports.attend(scope, list(users), self.time.ms)

    def convert(self, user: str, visitor: str) -> None:
        self.conversions.clear()
        self.reports.convert(user, visitor)
        expected = self.model.convert(user, visitor)
        conversions = {conversion.scope: conversion for conversion in self.conversions}
        assert set(conversions) == expected
        assert {scope: conversion.rate for scope, conversion in conversions.items()} == {
            s: self.model.rate(s) for s in expected
        }

    def check(self) -> None:
        assert self.site.recount() == []
        for scope in (HERE, THERE):
            days = self.model.days() or ["2025-01-01"]
            for start, end in combinations_with_replacement(days, 2):
                expected = self.model.between(scope, start, end)
                assert self.reports.visitors(scope, start, end).people == expected, (scope, start, end)
            first, last = shifted(days[0], -2), shifted(days[-1], 2)
            for day, people in self.reports.trend(scope, "daily", first, last):
                assert people == self.model.between(scope, day, day)
            rows = self.site.rows(
                "SELECT hour_s, authenticated, anonymous FROM hourly_people WHERE scope = :s", s=scope
            )
            hours = {hour_s: (authenticated, anonymous) for hour_s, authenticated, anonymous in rows}
            for hour_s in hours.keys() | self.model.hours():
                assert hours.get(hour_s, (0, 0)) == self.model.in_hour(scope, hour_s)
