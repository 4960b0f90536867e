"""A site with two communities, and the model of what happens there."""

from __future__ import annotations

from itertools import combinations_with_replacement, count
from zoneinfo import ZoneInfo

from sqlalchemy.engine import make_url

from koyjabo.analytics.reports import Conversion
from koyjabo.counting.ledger import open_store
from koyjabo.counting.records import NewVisit
from koyjabo.models import SITE
from support.app_fixtures import Site, Time
from support.people_model import Crowd, shifted

HERE, THERE = "1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b", "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
AYESHA, KARIM, NILA = (f"{n}{n}{n}{n}0000-0000-4000-8000-000000000000" for n in "123")
STARTS = {
    "Asia/Dhaka": "2025-12-16T21:00:00+06:00",
    "Asia/Kathmandu": "2025-12-31T22:50:00+05:45",
    "Europe/Berlin": "2026-03-28T20:30:00+01:00",  # 23 hours tomorrow,
    "America/Havana": "2026-10-31T20:30:00-04:00",  # 25, with midnight twice,
    "Australia/Lord_Howe": "2026-04-04T21:15:00+11:00",  # and 24 and a half
}
HOUR_MS = 3_600_000


class World:
    told: list[Conversion]

    def __init__(self, url: str, zone: str = "Asia/Dhaka") -> None:
        self.time = Time()
        self.time.go_to(STARTS[zone])
        self.site = Site(url, self.time, TIMEZONE=zone)
        for community in (HERE, THERE):
            self.site.add_community(community)
        self.reports = self.site.services.analytics.reports
        self.told = []
        self.site.services.signals.visitor_converted.connect(self.told.append, weak=False)
        self.crowd = Crowd(ZoneInfo(zone))
        self.store = open_store(make_url(url), self.site.services.clock)
        self._names = count()

    def close(self) -> None:
        self.store.close()
        self.site.close()

    def commit(self, *visits: tuple[str, str, str | None], at_ms: tuple[int, ...] = ()) -> None:
        """(scope, visitor, user) of each, together."""
        batch = []
        for number, (scope, visitor, user) in enumerate(visits):
            moment = at_ms[number] if at_ms else self.time.ms
            name = str(next(self._names))
            batch.append((NewVisit(visitor, name, scope, at_ms=moment, user_id=user), name))
            if scope != SITE:
                self.crowd.visit(scope, visitor, user, moment)
        with self.store.writing():
            receipts = self.store.commit(batch)
        assert [receipt.own.scope for receipt in receipts] == [scope for scope, *_ in visits]

    def attend(self, scope: str, *users: str) -> bool:
        for user in users:
            self.crowd.attend(scope, user, self.time.ms)
        return self.reports.attend(scope, list(users), self.time.ms)

    def convert(self, user: str, visitor: str) -> None:
        self.told.clear()
        self.reports.convert(user, visitor)
        expected = self.crowd.convert(user, visitor)
        told = {each.scope: each for each in self.told}
        assert set(told) == expected
        assert {scope: each.rate for scope, each in told.items()} == {s: self.crowd.rate(s) for s in expected}

    def check(self) -> None:
        assert self.site.recount() == []
        for scope in (HERE, THERE):
            days = self.crowd.days() or ["2025-01-01"]
            for start, end in combinations_with_replacement(days, 2):
                expected = self.crowd.between(scope, start, end)
                assert self.reports.visitors(scope, start, end).people == expected, (scope, start, end)
            first, last = shifted(days[0], -2), shifted(days[-1], 2)
            for day, people in self.reports.trend(scope, "daily", first, last):
                assert people == self.crowd.between(scope, day, day)
            rows = self.site.rows(
                "SELECT hour_s, authenticated, anonymous FROM hourly_people WHERE scope = :s", s=scope
            )
            hours = {hour_s: (authenticated, anonymous) for hour_s, authenticated, anonymous in rows}
            for hour_s in hours.keys() | self.crowd.hours():
                assert hours.get(hour_s, (0, 0)) == self.crowd.in_hour(scope, hour_s)
