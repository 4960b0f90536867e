"""Who is active: registered, or gave a sign of life, within ACTIVE_WINDOW_SECONDS."""

from __future__ import annotations

import pytest
from support.app_fixtures import Site, assert_error, nothing_counted

WINDOW_S = 300


@pytest.fixture
def site(database):
    with Site(database.url, ACTIVE_WINDOW_SECONDS=WINDOW_S) as site:
        yield site


def active(site: Site) -> int:
    stats = site.stats()
    assert sum(place["count"] for place in stats["locations"].values()) == stats["activeUsers"]
    return stats["activeUsers"]


@pytest.mark.parametrize(
    "sign_of_life",
    [
        lambda site: site.heartbeat(),
        lambda site: site.register(),
        lambda site: site.register(visitId="first"),  # a retry: not counted, but alive
    ],
    ids=["heartbeat", "visit", "retry"],
)
def test_visitor_is_active_for_exactly_the_window_after_a_sign_of_life(site, sign_of_life):
    assert site.register(visitId="first").stats["activeUsers"] == 1
    site.time.pass_(seconds=WINDOW_S - 1)
    sign_of_life(site)
    site.time.pass_(seconds=WINDOW_S, milliseconds=-1)
    assert active(site) == 1
    site.time.pass_(milliseconds=1)
    assert active(site) == 0
    assert site.stats()["locations"] == {}


def test_heartbeat_brings_back_one_who_was_gone_and_counts_nothing(site):
    site.register()
    site.time.pass_(seconds=WINDOW_S)
    site.restart()
    assert active(site) == 0
    assert (site.heartbeat().status_code, active(site)) == (204, 1)
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


def test_those_who_were_active_before_a_restart_still_are(site):
    site.register("gone")
    site.time.pass_(seconds=WINDOW_S - 1)
    site.register("ayesha")
    site.time.pass_(seconds=1)
    before = site.stats()
    site.restart()
    assert (site.stats()["locations"], site.stats()["activeUsers"]) == (before["locations"], 1)
    site.time.pass_(seconds=WINDOW_S - 2)
    assert active(site) == 1
    site.time.pass_(seconds=1)
    assert active(site) == 0
