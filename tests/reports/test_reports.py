"""Reports use calendar ranges, weeks and hours, and include each change at once."""

from datetime import datetime

import pytest
from support.application.site import Site, Time, assert_error, site_fixture
from support.assertions.openapi import assert_described
from support.models.people_model import shifted
from support.people.accounts import sign_up
from support.people.communities import PATH

from koyjabo.base.models import Scope
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports.community_people import Reports

HERE, ELSEWHERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b"), Scope("5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11")
AYESHA = "11110000-0000-4000-8000-000000000000"


class World:
    def __init__(self, url: str, zone: str, start: str) -> None:
        self.time = Time()
        self.time.go_to(start)
        self.site = Site(url, self.time, TIMEZONE=zone)
        for community in (HERE, ELSEWHERE):
            self.site.add_community(community)
        self.reports = self.site.services[Reports]

    def visit(self, visitor: str, user: str | None = None, moment: str | None = None) -> None:
        if moment:
            self.time.go_to(moment)
        self.site.services[Visits].register(NewVisit(visitor, None, HERE, at_ms=self.time.ms, user_id=user))

    def trend(self, granularity: str, start: str, end: str) -> dict[str, tuple[int, int]]:
        periods = self.reports.trend(HERE, granularity, start, end)
        assert [row.period for row in periods] == sorted({row.period for row in periods}, key=datetime.fromisoformat)
        return {row.period: tuple(row.people) for row in periods}


@pytest.fixture
def dhaka(database):
    world = World(database.url, "Asia/Dhaka", "2025-10-10T10:00:00+06:00")
    yield world
    world.site.close()


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
    ],
)
def test_hours_follow_the_local_clock(sqlite_database, zone, day, hours, some):
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


@pytest.mark.parametrize("change", ["visit", "attend", "convert"])
def test_change_on_another_server_is_seen_at_once(dhaka, change):
    dhaka.visit("a")
    assert dhaka.reports.today(HERE).people == (0, 1)
    with Site(dhaka.site.database_url, dhaka.time) as other:
        if change == "visit":
            other.services[Visits].register(NewVisit("b", None, HERE, at_ms=dhaka.time.ms, user_id=AYESHA))
        elif change == "attend":
            other.services[Reports].attend(HERE, [AYESHA], dhaka.time.ms)
        else:
            other.services[Reports].convert(AYESHA, "a")
        assert dhaka.reports.today(HERE).people == ((1, 0) if change == "convert" else (1, 1))


RANGES = {
    "/today": ("2025-10-10", "2025-10-10"),
    "/weekly": ("2025-10-04", "2025-10-10"),
    "/monthly": ("2025-09-11", "2025-10-10"),
    "": ("2025-09-11", "2025-10-10"),
    "?start=2025-10-09": ("2025-10-09", "2025-10-10"),
    "?end=2025-10-09": ("2025-09-10", "2025-10-09"),
    "?start=2025-10-09&end=2025-10-09": ("2025-10-09", "2025-10-09"),
    "?start=2020-10-11&end=2025-10-10&page=7": ("2020-10-11", "2025-10-10"),
    "?start=2024-02-29&end=2029-02-28": ("2024-02-29", "2029-02-28"),
}
UNUSABLE = {
    "?start=yesterday": ("start", "date such as"),
    "?end=2025-02-29": ("end", "date such as"),
    "?start=1969-12-31&end=1970-01-01": ("start", "years 1970"),
    "?end=9999-12-31": ("end", "years 1970"),
    "?start=٢٠٢٥-10-10": ("start", "date such as"),
    "?start=2025-10-10&end=2025-10-09": ("start", "2025-10-09"),
    "?start=2025-10-11": ("start", "not be after"),
    "?start=2020-10-10&end=2025-10-10": ("start", "5 years"),
    "?start=2024-02-29&end=2029-03-01": ("start", "5 years"),
    "/trends?granularity=hourly&start=2025-09-09": ("start", "31 days"),
    "/trends?granularity=monthly": ("granularity", "hourly, daily or weekly"),
    **{f"/growth?days={bad}": ("days", "1 to 1826") for bad in ("0", "1827", "-7", "seven", "²")},
}


site = site_fixture("2025-10-10T10:30:00+06:00", is_shared=True)


@pytest.fixture(scope="module")
def report(site, cast):
    """Reports for a member of a community where `babul` came on two days, and `ayesha` before and after signing up."""
    community = cast.community()

    def visit(visitor: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = site.post(json={"visitorId": visitor, "communityId": community}, headers=headers)
        assert answer.status_code == 200, answer.text

    site.time.pass_(days=-1)
    visit("babul")
    visit("ayesha")
    site.time.pass_(days=1)
    visit("babul")
    visit("ayesha")
    ayesha = sign_up(site, "ayesha", visitorId="ayesha")
    visit("her_other_browser", ayesha.access)
    site.services[Reports].convert(ayesha.id, "ayesha")  # in case signing up has not done it

    def tell(path: str):
        answer = cast["member"].get(f"{PATH}/{community}/visitors{path}")
        assert_described(site, answer)
        return answer

    tell.community = community
    return tell


def test_visitor_who_signs_up_later_is_one_visitor_with_an_account(report):
    for path, (start, end) in RANGES.items():
        answer = report(path)
        assert answer.json == {
            "community_id": report.community,
            "authenticated_visitors": 1,
            "anonymous_visitors": 1,
            "total_unique_visitors": 2,
            "date_range": {"start": start, "end": end},
        }, path
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_trends_have_a_row_for_each_period(report):
    def row(period: str, authenticated: int, anonymous: int) -> dict:
        total = authenticated + anonymous
        counts = {"authenticated_count": authenticated, "anonymous_count": anonymous, "total_count": total}
        return {"period": period, **counts}

    days = report("/trends").json
    assert (len(days), days[-3:]) == (30, [row("2025-10-08", 0, 0), row("2025-10-09", 1, 1), row("2025-10-10", 1, 1)])
    weeks = report("/trends?granularity=weekly&start=2025-09-29&end=2025-10-10").json
    assert weeks == [row("2025-09-29", 0, 0), row("2025-10-06", 1, 1)]
    hours = report("/trends?granularity=hourly").json
    assert (len(hours), hours[0]) == (24, row("2025-10-10T00:00:00+06:00", 0, 0))
    assert [hour for hour in hours if hour["total_count"]] == [row("2025-10-10T10:00:00+06:00", 1, 1)]
    month = report("/trends?granularity=hourly&start=2025-09-10&end=2025-10-10").json
    assert (len(month), sum(hour["total_count"] for hour in month)) == (31 * 24, 4)


def test_range_that_cannot_be_used_is_400_with_the_reason(report):
    for query, (field, reason) in UNUSABLE.items():
        answer = report(query)
        assert_error(answer, 400, "invalid_input", field)
        assert reason in answer.json["details"][field], query
