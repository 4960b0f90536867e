"""Who is active: registered, or gave a sign of life, within ACTIVE_WINDOW_SECONDS."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.app_fixtures import Site, Time, assert_error, nothing_counted

from koyjabo.clock import Clock
from koyjabo.models import SITE
from koyjabo.presence.visitors.memory_store import MemoryActiveVisitors

WINDOW_S = 300


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, ACTIVE_WINDOW_SECONDS=WINDOW_S) as site:
        yield site


def active(site: Site) -> int:
    stats = site.stats()
    assert sum(place["count"] for place in stats["locations"].values()) == stats["activeUsers"]
    return stats["activeUsers"]


def test_visitor_is_active_for_exactly_the_window(site):
    assert site.register().stats["activeUsers"] == 1
    site.time.pass_(seconds=WINDOW_S, milliseconds=-1)
    assert active(site) == 1
    site.time.pass_(milliseconds=1)
    assert active(site) == 0
    assert site.stats()["locations"] == {}


@pytest.mark.parametrize(
    "sign_of_life",
    [
        lambda site: site.heartbeat(),
        lambda site: site.register(),
        lambda site: site.register(visitId="first"),  # a retry: not counted, but alive
    ],
    ids=["heartbeat", "visit", "retry"],
)
def test_sign_of_life_begins_the_window_anew(site, sign_of_life):
    site.register(visitId="first")
    site.time.pass_(seconds=WINDOW_S - 1)
    sign_of_life(site)
    site.time.pass_(seconds=WINDOW_S - 1)
    assert active(site) == 1
    site.time.pass_(seconds=1)
    assert active(site) == 0


def test_one_visitor_is_active_once(site):
    for _ in range(5):
        site.register("ayesha")
    assert (active(site), site.register("babul").stats["activeUsers"]) == (1, 2)


def test_visitors_leave_one_by_one(site):
    for visitor in ("a", "b", "c"):
        site.register(visitor)
        site.time.pass_(seconds=10)
    site.heartbeat("a")
    site.time.pass_(seconds=WINDOW_S - 20)
    assert active(site) == 2  # b is gone
    site.time.pass_(seconds=10)
    assert active(site) == 1
    site.time.pass_(seconds=10)
    assert active(site) == 0


def test_heartbeat_brings_back_one_who_was_gone(site):
    site.register()
    site.time.pass_(seconds=WINDOW_S)
    assert active(site) == 0
    assert site.heartbeat().status_code == 204
    assert active(site) == 1
    assert site.stats()["totalVisits"] == 1


def test_heartbeat_is_understood_after_a_restart(database):
    with Site(database.url) as site:
        site.register()
        site.time.pass_(seconds=301)
        site.restart()
        assert active(site) == 0
        assert (site.heartbeat().status_code, site.heartbeat("nobody").status_code) == (204, 404)
        assert active(site) == 1


def test_heartbeat_answers_nothing_and_counts_nothing(site):
    site.register()
    with nothing_counted(site):
        answer = site.heartbeat()
        assert (answer.status_code, answer.data) == (204, b"")


def test_heartbeat_of_a_stranger_is_refused(site):
    site.register()
    with nothing_counted(site):
        assert_error(site.heartbeat("nobody"), 404, "unknown_visitor")
        for bad in ("", None, 5, "a b", "a" * 129):
            assert_error(site.heartbeat(bad), 400, "invalid_input", "visitorId")
        path = "/api/visitor/heartbeat"
        assert_error(site.post(path, data=b"ayesha", content_type="text/plain"), 400, "invalid_json")
        assert_error(site.post(path, data=b"{}"), 415, "unsupported_media_type")


def test_shorter_window_is_shorter(sqlite_database):
    with Site(sqlite_database.url, ACTIVE_WINDOW_SECONDS=1) as site:
        site.register()
        site.time.pass_(seconds=1)
        assert active(site) == 0


touches = st.tuples(st.sampled_from("abcd"), st.sampled_from(["Dhaka, BD", "Sylhet, BD"]), st.integers(0, 200))


@settings(max_examples=100, deadline=None)
@given(st.lists(touches, max_size=30))
def test_everybody_is_counted_in_the_place_they_were_last_seen_in(steps):
    time, last = Time(), {}
    visitors = MemoryActiveVisitors(Clock(ZoneInfo("UTC"), time, time.elapsed_ms), WINDOW_S)
    for visitor, place, seconds in steps:
        before = visitors.count(SITE)
        visitors.touch(SITE, visitor, place)
        last[visitor] = (time.ms, place)
        after = visitors.count(SITE)
        assert after.version > before.version or after == before
        time.pass_(seconds=seconds)
        here = [place for seen, place in last.values() if seen > time.ms - WINDOW_S * 1000]
        assert visitors.count(SITE).places == {place: here.count(place) for place in here}


def test_those_who_were_active_before_a_restart_still_are(database):
    with Site(database.url, TRUSTED_PROXIES=1) as site:
        site.register("gone")
        site.time.pass_(seconds=WINDOW_S - 1)
        site.register("ayesha")
        site.register("ayesha")
        site.time.pass_(seconds=1)
        before = site.stats()
        site.restart()
        assert (site.stats()["locations"], site.stats()["activeUsers"]) == (before["locations"], 1)
        site.time.pass_(seconds=WINDOW_S - 2)
        assert active(site) == 1
        site.time.pass_(seconds=1)
        assert active(site) == 0
