"""Reports use calendar ranges, weeks and hours, and are cached only as long as they are valid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from support.application.site import Site, Time
from support.models.people_model import shifted

from koyjabo.base.models import Scope
from koyjabo.counting.queries import Visited
from koyjabo.counting.records import NewVisit
from koyjabo.counting.services import CountingServices
from koyjabo.reports.services import PeopleServices

HERE, ELSEWHERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"), Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11")
AYESHA = "11110000-0000-4000-8000-000000000000"


class World:
    def __init__(self, url: str, zone: str, start: str) -> None:
        self.time = Time()
        self.time.go_to(start)
        self.site = Site(url, self.time, TIMEZONE=zone)
        for community in (HERE, ELSEWHERE):
            self.site.add_community(community)
        self.reports = self.site.services[PeopleServices].reports

    def visit(self, visitor: str, user: str | None = None, moment: str | None = None) -> None:
        if moment:
            self.time.go_to(moment)
        self.site.services[CountingServices].visits.register(
            NewVisit(visitor, None, HERE, at_ms=self.time.ms, user_id=user)
        )

    def trend(self, granularity: str, start: str, end: str) -> dict[str, tuple[int, int]]:
        periods = self.reports.trend(HERE, granularity, start, end)
        assert [row.period for row in periods] == sorted({row.period for row in periods}, key=datetime.fromisoformat)
        return {row.period: tuple(row.people) for row in periods}


@pytest.fixture
def dhaka(database):
    world = World(database.url, "Asia/Dhaka", "2025-10-10T10:00:00+06:00")
    yield world
    world.site.close()


def test_who_comes_often_is_one_person_in_every_range(dhaka):
    for day in range(8, 12):
        dhaka.visit("a", moment=f"2025-10-{day:02}T23:59:59+06:00")
        dhaka.visit("b", AYESHA)
    assert dhaka.reports.visitors(HERE, "2025-10-08", "2025-10-11") == ((1, 1), "2025-10-08", "2025-10-11")
    assert dhaka.reports.visitors(HERE, "2025-10-11", "2025-10-11").people == (1, 1)
    assert dhaka.reports.visitors(HERE, "2025-10-12", "2030-10-11").people == (0, 0)
    assert dhaka.reports.visitors(ELSEWHERE, "2025-10-08", "2025-10-11").people == (0, 0)


def test_today_week_and_month_end_today(dhaka):
    for visitor, day in (("a", "09-10"), ("b", "09-11"), ("c", "10-03"), ("d", "10-04"), ("e", "10-10")):
        dhaka.visit(visitor, moment=f"2025-{day}T12:00:00+06:00")
    assert dhaka.reports.today(HERE) == ((0, 1), "2025-10-10", "2025-10-10")
    assert dhaka.reports.weekly(HERE) == ((0, 2), "2025-10-04", "2025-10-10")
    assert dhaka.reports.monthly(HERE) == ((0, 4), "2025-09-11", "2025-10-10")
    dhaka.time.go_to("2025-10-11T00:00:00+06:00")
    assert dhaka.reports.today(HERE) == ((0, 0), "2025-10-11", "2025-10-11")


def test_growth_is_of_the_last_days_against_as_many_before(dhaka):
    """None, two, two, none, none, three and two people come on successive days."""
    rates = []
    for day, people in ((0, 0), (1, 2), (2, 2), (3, 0), (4, 0), (5, 3), (6, 2)):
        for number in range(people):
            dhaka.visit(f"{number}", moment=f"2025-10-{10 + day}T00:00:00+06:00")
        dhaka.time.go_to(f"2025-10-{10 + day}T23:59:59+06:00")
        growth = dhaka.reports.growth(HERE, 1)
        rates.append((growth.current, growth.previous, growth.rate))
    assert rates == [
        *((0, 0, 0.0), (2, 0, 100.0), (2, 2, 0.0), (0, 2, -100.0)),
        *((0, 0, 0.0), (3, 0, 100.0), (2, 3, -33.33)),
    ]
    week = dhaka.reports.growth(HERE, 3)
    assert (week.current, week.previous, week.days, week.rate) == (3, 2, 3, 50.0)


def test_weeks_begin_on_monday_and_end_where_the_range_does(dhaka):
    """2025-10-06 is a Monday."""
    for visitor, day in (("a", 5), ("a", 6), ("b", 6), ("c", 12), ("c", 13), ("d", 14)):
        dhaka.visit(visitor, moment=f"2025-10-{day:02}T12:00:00+06:00")
    weeks = {"2025-09-29": (0, 1), "2025-10-06": (0, 3), "2025-10-13": (0, 2), "2025-10-20": (0, 0)}
    assert dhaka.trend("weekly", "2025-09-29", "2025-10-20") == weeks
    assert dhaka.trend("weekly", "2025-10-07", "2025-10-13") == {"2025-10-06": (0, 1), "2025-10-13": (0, 1)}
    assert dhaka.trend("weekly", "2025-10-09", "2025-10-09") == {"2025-10-06": (0, 0)}


@pytest.mark.parametrize(
    ("zone", "day", "hours", "some"),
    [
        ("Asia/Kathmandu", "2025-10-10", 24, "2025-10-10T00:00:00+05:45"),
        ("Europe/Berlin", "2026-03-29", 23, "2026-03-29T03:00:00+02:00"),
        ("Australia/Lord_Howe", "2026-04-05", 25, "2026-04-05T02:00:00+10:30"),
        ("Pacific/Chatham", "2026-04-05", 26, "2026-04-05T02:45:00+12:45"),
        pytest.param("Europe/Berlin", "2026-10-25", 25, "2026-10-25T02:00:00+01:00", marks=pytest.mark.long),
        pytest.param("America/Havana", "2026-11-01", 25, "2026-11-01T00:00:00-05:00", marks=pytest.mark.long),
        pytest.param("Asia/Beirut", "2026-03-29", 23, "2026-03-29T01:00:00+03:00", marks=pytest.mark.long),
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall(sqlite_database, zone, day, hours, some):
    world = World(sqlite_database.url, zone, some)
    world.time.pass_(minutes=10)
    world.visit("a")
    world.visit("b", AYESHA)
    trend = world.trend("hourly", day, day)
    assert (len(trend), trend[some], sum(map(sum, trend.values()))) == (hours, (1, 1), 2)
    around = world.trend("hourly", shifted(day, -1), shifted(day, 1))
    assert around.items() >= trend.items()
    assert len(around) == 48 + hours
    world.site.close()


def test_answers_are_kept_until_the_next_change(dhaka, monkeypatch):
    database, asked = dhaka.reports._database, []
    report = database.report
    monkeypatch.setattr(database, "report", lambda *said, **named: asked.append(1) or report(*said, **named))
    dhaka.visit("a")
    for _ in range(3):
        assert dhaka.reports.weekly(HERE).people == (0, 1)
        assert dhaka.reports.growth(HERE, 7).current == 1
    assert len(asked) == 3  # one for the week, two for the growth
    dhaka.site.services[CountingServices].visits.register(NewVisit("a", None, ELSEWHERE, at_ms=dhaka.time.ms))
    assert dhaka.reports.weekly(HERE).people == (0, 1)
    assert len(asked) == 3


@pytest.mark.parametrize("change", ["visit", "attend", "convert"])
def test_change_on_another_server_is_seen_at_once(dhaka, change):
    dhaka.visit("a")
    assert dhaka.reports.today(HERE).people == (0, 1)
    with Site(dhaka.site.database_url, dhaka.time) as other:
        if change == "visit":
            other.services[CountingServices].visits.register(
                NewVisit("b", None, HERE, at_ms=dhaka.time.ms, user_id=AYESHA)
            )
        elif change == "attend":
            other.services[PeopleServices].reports.attend(HERE, [AYESHA], dhaka.time.ms)
        else:
            other.services[PeopleServices].reports.convert(AYESHA, "a")
        assert dhaka.reports.today(HERE).people == ((1, 0) if change == "convert" else (1, 1))


@pytest.fixture
def site(database) -> Iterator[Site]:
    time = Time.at("2025-12-15T23:59:00+06:00")
    with Site(database.url, time) as site:
        yield site


def test_a_community_has_a_history_of_its_own(site):
    site.add_community("mirpur")
    site.register("ayesha", communityId="mirpur")
    site.register("ayesha")
    assert site.services[CountingServices].history.last_days(Scope("mirpur"))[-1] == Visited(1, 1)
    assert site.services[CountingServices].history.last_days()[-1] == Visited(2, 1)
