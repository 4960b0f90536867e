"""Fixtures for a community's pages: its founder views them on 15 December, before any visit."""

from __future__ import annotations

import pytest
from support.application.site import Site, Time
from support.people.accounts import sign_up
from support.people.communities import found
from support.people.page_readers import Reader


@pytest.fixture
def time() -> Time:
    return Time.at("2025-12-15T09:30:00+06:00")


@pytest.fixture
def new_site(sqlite_database, time):
    with Site(sqlite_database.url, time) as site:
        yield site


@pytest.fixture
def community(new_site) -> str:
    return found(sign_up(new_site, "ayesha"))["id"]


@pytest.fixture
def reader(new_site, community) -> Reader:
    return Reader(new_site).log_in("ayesha")


@pytest.fixture
def two_days(new_site, time, community) -> None:
    """Two visitors yesterday and three today: one came on both days, and one has signed up."""
    for visitor in ("a", "b"):
        new_site.register(visitor, communityId=community)
    time.go_to("2025-12-16T10:30:00+06:00")
    for visitor in ("b", "c", "d"):
        new_site.register(visitor, communityId=community)
    sign_up(new_site, "karim", visitorId="d")
