"""Parts of Insights: compared ranges, periods, changes, maps."""

import pytest

from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.engine.results import Breakdown, Period, Row, Sums
from koyjabo.reports.ui import breakdowns, map_dots, timelines
from koyjabo.reports.ui.page_address import PageAddress

TODAY = "2025-12-16"
HERE = PageAddress("/admin/", (("page", "/"), ("range", "7d"), ("offset", "50")))


@pytest.fixture(autouse=True)
def _request(site):
    with site.app.test_request_context():
        yield


def test_periods_are_compared_in_their_order():
    weeks = [
        Period(day, number, 3, 1, None, so_far, 0, 0)
        for day, number, so_far in (("2025-12-08", 7, False), ("2025-12-15", 2, True))
    ]
    past = [Period("2024-12-09", 5, 5, 5, 5, False, 0, 0)]
    days = ReportQuery("2025-12-08", TODAY)
    first, second = timelines.rows(days, weeks, past, "", "returning_visitors", "week", HERE)
    assert (first.value, first.compared, first.before) == (2, "2024-12-09", 0)
    assert (second.so_far, second.compared, second.before) == (True, "", None)
    assert first.url.endswith("start=2025-12-08&end=2025-12-14")
    assert [row.value for row in timelines.rows(days, weeks, [], "", "page_views", "week", HERE)] == [None, None]


@pytest.mark.parametrize(
    ("step", "starts", "days", "expected"),
    [
        ("week", ("2025-12-01", "2025-12-08"), ("2025-12-03", "2025-12-14"), [True, False]),
        ("week", ("2025-12-01", "2025-12-08"), ("2025-12-01", "2025-12-13"), [False, True]),
        ("month", ("2025-11-01", "2025-12-01"), ("2025-11-02", TODAY), [True, False]),
        ("day", ("2025-12-15", TODAY), ("2025-12-15", TODAY), [False, False]),
        ("hour", ("2025-12-15T23:00:00+06:00",), ("2025-12-15", "2025-12-15"), [False]),
    ],
)
def test_periods_that_the_range_cuts_are_marked(step, starts, days, expected):
    """The current period is marked as current. Each period links to its counted days."""
    is_running = days[1] == TODAY
    periods = [Period(start, 1, 1, 1, 1, is_running and start == starts[-1], 0, 0) for start in starts]
    rows = timelines.rows(ReportQuery(*days), periods, [], "", "visits", step, HERE)
    assert [period.is_partial for period in rows] == expected
    assert step == "hour" or f"start={max(days[0], starts[0])}&" in rows[0].url
    assert step == "hour" or rows[-1].url.endswith(f"&end={days[1]}")


def test_values_change_only_where_the_other_days_are_known_and_gone_ones_are_listed():
    now = Breakdown([row("/"), row("/new")], Sums(0, 0, 0), Sums(10, 5, 5), 2, None)
    before = Breakdown([row("/old", 9), row("/")], Sums(0, 0, 0), Sums(14, 9, 9), 2, None)
    same, gone = [("/", 0), ("/new", "new")], [("/old", -100)]
    for breakdown, other, expected in (
        (now, before, same + gone),
        (now._replace(values=3), before, same),
        (now, before._replace(values=3), [("/", 0), ("/new", None), *gone]),
        (now, None, [("/", None), ("/new", None)]),
    ):
        lines = breakdowns.values(breakdown, other, ReportQuery(TODAY, TODAY), "page", HERE, 0).lines
        assert [(line.label, line.change) for line in lines] == expected


def row(value, visits=5):
    return Row(value, str(value), Sums(visits, 5, 5), 0.5)


def test_cities_have_dots_by_every_name():
    names = ["Dhaka, BD", "Chittagong, BD", "Chattogram, BD", "Cox's Bazar, BD", "Dhaka, IN", "Atlantis, BD", None]
    cities = [row(name, visits) for visits, name in zip(range(9, 2, -1), names, strict=True)]
    breakdown = Breakdown(cities, Sums(0, 0, 0), Sums(9, 9, 9), 7, None)
    dots = map_dots.dots(breakdowns.values(breakdown, None, ReportQuery(TODAY, TODAY), "city", HERE, 0))
    assert [dot.line.value for dot in dots] == names[:4]
    assert dots[1][:2] == dots[2][:2] != dots[0][:2]
    assert dots[0].radius == map_dots.LARGEST_DOT > dots[1].radius
