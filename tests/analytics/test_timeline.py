"""Visits of the site by hour and by day, as the panel's charts show them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.app_fixtures import Site, Time

from koyjabo.analytics.timeline import Visited
from koyjabo.models import Scope


@pytest.fixture
def site(database) -> Iterator[Site]:
    time = Time()
    time.go_to("2025-12-15T23:59:00+06:00")
    with Site(database.url, time) as site:
        yield site


def test_each_of_the_last_24_hours_has_its_visits(site):
    site.register("ayesha")
    site.time.pass_(minutes=2)
    site.register("ayesha")
    site.register("babul")
    hours = site.services.analytics.timeline.last_hours()
    assert (len(hours), hours[0].begins) == (24, "2025-12-15T01:00:00+06:00")
    assert [hour for hour in hours if hour.visited.visits] == [
        ("2025-12-15T23:00:00+06:00", Visited(1, 1)),
        ("2025-12-16T00:00:00+06:00", Visited(2, 1)),
    ]


def test_a_community_has_a_history_of_its_own(site):
    site.add_community("mirpur")
    site.register("ayesha", communityId="mirpur")
    site.register("ayesha")
    assert site.services.analytics.timeline.last_days(Scope("mirpur"))[-1].visited == Visited(1, 1)
    assert site.services.analytics.timeline.last_hours()[-1].visited == Visited(2, 1)
