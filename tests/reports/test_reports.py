"""Reports use calendar ranges, weeks and hours, and include each change at once."""

from datetime import datetime

import pytest
from support.application.site import Site, assert_error, site_fixture
from support.assertions.openapi import assert_described
from support.models.people_model import AYESHA, HERE, World
from support.people.accounts import sign_up
from support.people.communities import PATH

from koyjabo.base.core.clock import shifted
from koyjabo.reports.community_people import Reports


def visit(world: World, visitor: str, user: str | None = None, moment: str = "") -> None:
    if moment:
        world.time.go_to(moment)
    world.commit((HERE, visitor, user))


def trend(world: World, granularity: str, start: str, end: str) -> dict[str, tuple[int, int]]:
    periods = world.reports.trend(HERE, granularity, start, end)
    assert [row.period for row in periods] == sorted({row.period for row in periods}, key=datetime.fromisoformat)
    return {row.period: tuple(row.people) for row in periods}


@pytest.fixture
def dhaka(database):
    world = World(database.url, start="2025-10-10T10:00:00+06:00")
    yield world
    world.close()


def test_the_growth_rate_compares_the_last_days_with_the_same_number_of_days_before(dhaka):
    """None, two, two, none, none, three and two people come on successive days."""
    rates = []
    for day, people in ((0, 0), (1, 2), (2, 2), (3, 0), (4, 0), (5, 3), (6, 2)):
        for number in range(people):
            visit(dhaka, f"{number}", moment=f"2025-10-{10 + day}T00:00:00+06:00")
        dhaka.time.go_to(f"2025-10-{10 + day}T23:59:59+06:00")
        growth = dhaka.reports.growth(HERE, 1)
        rates.append((growth.current, growth.previous, growth.rate))
    assert rates == [
        *((0, 0, 0.0), (2, 0, 100.0), (2, 2, 0.0), (0, 2, -100.0)),
        *((0, 0, 0.0), (3, 0, 100.0), (2, 3, -33.33)),
    ]


def test_a_week_of_a_trend_begins_on_monday_and_ends_with_the_range(dhaka):
    for visitor, day in (("a", 5), ("a", 6), ("b", 6), ("c", 12), ("c", 13), ("d", 14)):
        visit(dhaka, visitor, moment=f"2025-10-{day:02}T12:00:00+06:00")
    weeks = {"2025-09-29": (0, 1), "2025-10-06": (0, 3), "2025-10-13": (0, 2), "2025-10-20": (0, 0)}
    assert trend(dhaka, "weekly", "2025-09-29", "2025-10-20") == weeks
    assert trend(dhaka, "weekly", "2025-10-07", "2025-10-13") == {"2025-10-06": (0, 1), "2025-10-13": (0, 1)}
    assert trend(dhaka, "weekly", "2025-10-09", "2025-10-09") == {"2025-10-06": (0, 0)}


@pytest.mark.parametrize(
    ("zone", "day", "hours", "some"),
    [
        ("Asia/Kathmandu", "2025-10-10", 24, "2025-10-10T00:00:00+05:45"),
        ("Pacific/Chatham", "2026-04-05", 26, "2026-04-05T02:45:00+12:45"),
    ],
)
def test_the_hours_of_a_trend_follow_the_local_clock(sqlite_database, zone, day, hours, some):
    world = World(sqlite_database.url, zone, some)
    world.time.pass_(minutes=10)
    visit(world, "a")
    visit(world, "b", AYESHA)
    counts = trend(world, "hourly", day, day)
    assert (len(counts), counts[some], sum(map(sum, counts.values()))) == (hours, (1, 1), 2)
    around = trend(world, "hourly", shifted(day, -1), shifted(day, 1))
    assert around.items() >= counts.items()
    assert len(around) == 48 + hours
    world.close()


def test_a_change_on_another_server_is_seen_at_once(dhaka):
    visit(dhaka, "a")
    assert dhaka.reports.today(HERE).people == (0, 1)
    with Site(dhaka.site.database_url, dhaka.time) as other:
        other.services[Reports].attend(HERE, [AYESHA], dhaka.time.ms)
        assert dhaka.reports.today(HERE).people == (1, 1)
        other.services[Reports].convert(AYESHA, "a")
        assert dhaka.reports.today(HERE).people == (1, 0)


RANGES = {
    "/today": ("2025-10-10", "2025-10-10"),
    "/weekly": ("2025-10-04", "2025-10-10"),
    "/monthly": ("2025-09-11", "2025-10-10"),
    "": ("2025-09-11", "2025-10-10"),
    "?start=2025-10-09": ("2025-10-09", "2025-10-10"),
    "?end=2025-10-09": ("2025-09-10", "2025-10-09"),
    "?start=2024-02-29&end=2029-02-28": ("2024-02-29", "2029-02-28"),
}
UNUSABLE = {
    **dict.fromkeys(("?start=yesterday", "?start=1969-12-31&end=1970-01-01", "?start=٢٠٢٥-10-10"), "start"),
    **dict.fromkeys(("?end=2025-02-29", "?end=9999-12-31"), "end"),
    **dict.fromkeys(("?start=2025-10-10&end=2025-10-09", "?start=2025-10-11", "?start=2020-10-10"), "start"),
    "/trends?granularity=hourly&start=2025-09-09": "start",
    "/trends?granularity=monthly": "granularity",
    **{f"/growth?days={bad}": "days" for bad in ("0", "1827", "seven", "²")},
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


def test_a_visitor_who_signs_up_later_counts_once_as_a_user(report):
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


def test_a_trend_has_a_row_for_each_period_also_without_visitors(report):
    def row(period: str, authenticated: int, anonymous: int) -> dict:
        total = authenticated + anonymous
        counts = {"authenticated_count": authenticated, "anonymous_count": anonymous, "total_count": total}
        return {"period": period, **counts}

    days = report("/trends").json
    assert (len(days), days[-3:]) == (30, [row("2025-10-08", 0, 0), row("2025-10-09", 1, 1), row("2025-10-10", 1, 1)])
    hours = report("/trends?granularity=hourly").json
    assert (len(hours), hours[0]) == (24, row("2025-10-10T00:00:00+06:00", 0, 0))
    assert [hour for hour in hours if hour["total_count"]] == [row("2025-10-10T10:00:00+06:00", 1, 1)]


def test_a_range_that_cannot_be_used_is_refused_by_its_field(report):
    for query, field in UNUSABLE.items():
        assert_error(report(query), 400, "invalid_input", field)
