"""The last hour as a range of reports: from the start of a minute to now, across midnight."""

import pytest
from support.application.site import site_fixture

from koyjabo.base.core.errors import InvalidInput
from koyjabo.reports.engine.insights import Insights

site = site_fixture("2025-12-16T00:20:30+06:00")


@pytest.fixture
def insights(site):
    return site.services[Insights]


def ask(insights, **more: str):
    return insights.parse([("range", "hour"), *more.items()]).query


def visit_before(site, minutes: int, visitor: str, page: str = "/") -> None:
    site.time.pass_(minutes=-minutes)
    site.register(visitor, page=page)
    site.time.pass_(minutes=minutes)


@pytest.mark.both_kinds
def test_the_last_hour_is_the_current_minute_and_the_59_before_it(site, insights):
    for minutes, visitor in ((60, "early"), (59, "ayesha"), (30, "ayesha"), (0, "karim")):
        visit_before(site, minutes, visitor, f"/{minutes}")
    query = ask(insights)
    assert (query.first, query.last) == ("2025-12-15", "2025-12-16")
    figures = insights.summary(query).figures
    assert (figures.visits, figures.visitors, figures.new_visitors) == (3, 2, 2)
    assert figures.peak_active is None
    assert [row.value for row in insights.breakdown(query, "page").rows] == ["/0", "/30", "/59"]
    assert insights.breakdown(ask(insights, page="/30"), "page").total.visits == 1
    periods = insights.timeline(query, "minute")
    assert (periods[0].period, len(periods)) == ("2025-12-15T23:21:00+06:00", 60)
    assert [at for at, period in enumerate(periods) if period.visits] == [0, 29, 59]
    assert [period.so_far for period in periods] == [False] * 59 + [True]
    site.time.pass_(minutes=1)
    assert insights.summary(ask(insights)).figures.visits == 2


def test_the_last_hour_has_the_page_views_of_each_minute(site, insights):
    site.register("ayesha", visitId="1", page="/")
    for minutes in (1, 70):
        site.time.pass_(minutes=minutes)
        event = {"id": str(minutes), "name": "pageview", "page": "/map"}
        assert site.post("/api/events", json={"visitorId": "ayesha", "events": [event]}).json["accepted"] == 1
    query = ask(insights)
    assert [period.page_views for period in insights.timeline(query, "minute")][-2:] == [0, 1]
    assert insights.summary(query).figures.page_views == 1
    assert insights.breakdown(query, "viewed_page").rows[0].sums.count == 1


def test_the_last_hour_is_compared_with_the_hour_before_it_or_a_year_ago(site, insights):
    for minutes, visitor in ((10, "a"), (70, "b"), (119, "c"), (365 * 24 * 60 + 5, "d")):
        visit_before(site, minutes, visitor)
    assert insights.summary(ask(insights), "previous").compared.visits == 2
    assert insights.summary(ask(insights), "year").compared.visits == 1
    compared = insights.compared(ask(insights), "previous")
    assert len(insights.timeline(compared, "minute")) == 60


def test_only_the_last_hour_has_minutes(insights):
    for query, granularity in ((ask(insights), "hour"), (insights.parse([("range", "today")]).query, "minute")):
        with pytest.raises(InvalidInput) as refused:
            insights.timeline(query, granularity)
        assert refused.value.details == {"granularity": "must be minute for range=hour, and only for it"}
