"""Parts of Insights: compared ranges, periods, changes, maps."""

import pytest

from koyjabo.columns.query.report_query import ReportQuery
from koyjabo.reports.engine.results import Breakdown, Period, Row, Sums
from koyjabo.reports.ui import breakdowns, timelines
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
