"""Limits on registrations and heartbeats per address and per visitor."""

import time

import pytest
from support.application.site import Site, assert_error, nothing_counted
from support.people.admins import panel

from koyjabo.base.network.client_address import ENOUGH_REQUESTS
from koyjabo.web.limits.limits import MIN_VISITOR_SHARE

LIMIT = 3
PHONE, OTHER = "203.0.113.7", "203.0.113.8"


@pytest.fixture
def behind(sqlite_database):
    """`behind(2)` is a site behind two of our proxies."""
    sites = []

    def make(proxies: int, **settings) -> Site:
        settings = {"RATE_LIMIT_REGISTRATIONS": LIMIT, "TRUSTED_PROXIES": proxies, **settings}
        sites.append(Site(sqlite_database.url, **settings))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def site(behind):
    return behind(0)


def knock(site: Site, peer: str, forwarded: str | None = None, **headers: str):
    headers |= {"X-Forwarded-For": forwarded} if forwarded else {}
    return site.post(json={"visitorId": "ayesha"}, headers=headers, environ_overrides={"REMOTE_ADDR": peer})


def knocks(site: Site, times: int, peer: str, *forwarded: str) -> list[int]:
    """Statuses of `times` registrations, with the headers used in turn."""
    return [knock(site, peer, *forwarded[n % len(forwarded) :][:1]).status_code for n in range(times)]


def test_one_too_many_is_refused_and_not_counted(site):
    assert knocks(site, LIMIT, PHONE, "") == [200] * LIMIT
    with nothing_counted(site):
        answer = knock(site, PHONE)
        assert_error(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert site.stats()["totalVisits"] == LIMIT


def test_another_address_and_other_calls_are_free(site):
    assert knocks(site, LIMIT + 1, PHONE, "")[-1] == 429
    assert knocks(site, LIMIT, OTHER, "") == [200] * LIMIT
    assert site.client.get("/api/stats", environ_overrides={"REMOTE_ADDR": PHONE}).status_code == 200
    assert beat(site, "ayesha").status_code == 204


def test_zero_is_no_limit(behind):
    site = behind(0, RATE_LIMIT_VISITOR=0, RATE_LIMIT_REGISTRATIONS=0)
    assert set(knocks(site, 100, PHONE, "")) == {200}


LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
UNIX_SOCKET = ""
"""The address of a proxy on a Unix socket, as other WSGI servers report it."""


@pytest.mark.parametrize("proxies", [0, pytest.param(1, marks=pytest.mark.long)])
def test_loopback_without_a_forwarded_address_is_one_address_with_ten_times_the_allowance(behind, proxies):
    site, peers = behind(proxies), [*LOOPBACK, UNIX_SOCKET]
    statuses = [knock(site, peers[number % 5]).status_code for number in range(10 * LIMIT + 1)]
    assert statuses == [200] * 10 * LIMIT + [429]
    assert knocks(site, 1, PHONE, "") == [200]


@pytest.mark.parametrize("proxies", [0, pytest.param(1, marks=pytest.mark.long)])
def test_only_loopback_that_speaks_for_itself_is_not_limited_in_development(behind, proxies):
    site = behind(proxies, ENVIRONMENT="development", RATE_LIMIT_VISITOR=MIN_VISITOR_SHARE)
    statuses = [knock(site, LOOPBACK[number % 4]).status_code for number in range(40 * LIMIT + 1)]
    assert set(statuses) == {200}
    assert knocks(site, LIMIT + 1, PHONE, "")[-1] == 429


ADVICE = "All visitors seem to come from 127.0.0.1: set TRUSTED_PROXIES"


def test_proxy_that_hides_its_clients_is_noticed(behind, caplog):
    """The log, `/readyz` and the page Server report it, with and without forwarding headers."""
    site = behind(0, RATE_LIMIT_REGISTRATIONS=1000)
    admin = panel(site)  # with one request from this machine
    knocks(site, ENOUGH_REQUESTS - 2, "127.0.0.1", "", PHONE)
    assert "warnings" not in site.client.get("/readyz").json
    assert ADVICE not in admin.get("/admin/server")
    knocks(site, 2, "127.0.0.1", "", PHONE)
    lines = [record.getMessage() for record in caplog.records if record.name == "koyjabo.base.network.client_address"]
    assert lines == [f"local_proxy advice={ADVICE!r}"]
    answer = site.client.get("/readyz")
    assert (answer.status_code, answer.json["warnings"]) == (200, [ADVICE])
    assert ADVICE in admin.get("/admin/server")


def test_operator_on_the_visitors_network_is_no_proxy(behind, caplog):
    site = behind(0, RATE_LIMIT_REGISTRATIONS=1000)
    knock(site, PHONE)
    knocks(site, ENOUGH_REQUESTS, "127.0.0.1", "")
    assert "warnings" not in site.client.get("/readyz").json
    assert "local_proxy" not in caplog.text


def test_loopback_that_speaks_for_others_is_one_address(site):
    headers = ({"X-Forwarded-For": PHONE}, {"Forwarded": f"for={PHONE}"}, {"X-Real-IP": PHONE}, {"Via": "1.1 proxy"})
    assert [knock(site, "127.0.0.1", **header).status_code for header in headers] == [200] * LIMIT + [429]


def test_network_behind_an_ipv6_prefix_is_one_address(site):
    """More cases are in tests/base/network/test_rate_limiter.py."""
    of_one = [f"2001:db8:1:2::{n:x}" for n in range(1, LIMIT)] + ["2001:db8:1:2:ffff:ffff:ffff:ffff"]
    assert [knock(site, address).status_code for address in of_one] == [200] * LIMIT
    assert knock(site, "2001:db8:1:2:abcd::1").status_code == 429
    assert knock(site, "2001:db8:1:3::1").status_code == 200


def test_ipv4_in_ipv6_is_the_ipv4_address(site):
    """Sockets for both IP versions report IPv4 peers this way. These peers have no common network."""
    assert [knock(site, f"::ffff:203.0.113.{n}").status_code for n in range(2 * LIMIT)] == [200] * 2 * LIMIT


def limits_of(answer) -> list[int]:
    """Limit, remaining, reset."""
    return [int(answer.headers[f"X-RateLimit-{what}"]) for what in ("Limit", "Remaining", "Reset")]


def test_responses_show_the_remaining_allowance_and_when_it_grows(site):
    answers = [knock(site, PHONE) for _ in range(LIMIT + 1)]
    assert [limits_of(answer)[:2] for answer in answers] == [[3, 2], [3, 1], [3, 0], [3, 0]]
    resets_at_s = [limits_of(answer)[2] for answer in answers]
    assert max(resets_at_s) - min(resets_at_s) <= 1, "each is rounded to a second"
    assert 0 < resets_at_s[-1] - time.time() <= 61
    exposed = answers[0].headers["Access-Control-Expose-Headers"]
    assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"} <= {*exposed.split(", ")}


def test_without_a_limit_no_limit_is_reported(behind):
    site = behind(0, ENVIRONMENT="development")
    for answer in (knock(site, "127.0.0.1"), site.client.get("/api/stats", environ_overrides={"REMOTE_ADDR": PHONE})):
        assert answer.status_code == 200
        assert not [name for name, _ in answer.headers if name.startswith("X-RateLimit")]


def test_bad_request_counts_and_reports_its_limit(site):
    answer = site.post(data="no JSON", environ_overrides={"REMOTE_ADDR": PHONE})
    assert answer.status_code == 415
    assert limits_of(answer)[:2] == [3, 2]


def test_visit_that_was_refused_is_counted_when_it_is_sent_again(site, monkeypatch):
    knocks(site, LIMIT, PHONE, "")
    visit = {"json": {"visitorId": "babul", "visitId": "1"}, "environ_overrides": {"REMOTE_ADDR": PHONE}}
    refused = site.post(**visit)
    assert refused.status_code == 429
    assert "not counted" in refused.json["error"]
    later = time.monotonic() + int(refused.headers["Retry-After"])
    monkeypatch.setattr(time, "monotonic", lambda: later)
    counted, again = (site.post(**visit).json["visit"] for _ in range(2))
    assert (counted["ordinal"], counted["duplicate"], again) == (LIMIT + 1, False, {**counted, "duplicate": True})


@pytest.fixture
def visitors(behind):
    """A site with limits per visitor."""
    return behind(0, RATE_LIMIT_REGISTRATIONS=1000, RATE_LIMIT_VISITOR=MIN_VISITOR_SHARE)


def register(site: Site, visitor: str, peer: str = PHONE, **fields) -> int:
    environ = {"REMOTE_ADDR": peer}
    return site.post(json={"visitorId": visitor, **fields}, environ_overrides=environ).status_code


def beat(site: Site, visitor: str, peer: str = PHONE):
    return site.post("/api/visitor/heartbeat", json={"visitorId": visitor}, environ_overrides={"REMOTE_ADDR": peer})


def test_one_visitor_registers_so_often_from_one_address(visitors):
    statuses = [register(visitors, "ayesha") for _ in range(MIN_VISITOR_SHARE + 1)]
    assert statuses == [200] * MIN_VISITOR_SHARE + [429]
    assert register(visitors, "babul") == 200
    assert visitors.stats()["totalVisits"] == MIN_VISITOR_SHARE + 1
    assert beat(visitors, "ayesha").status_code == 204, "a heartbeat is none"


def test_stranger_who_knows_a_visitor_uses_up_nothing_of_theirs(visitors):
    register(visitors, "ayesha")
    assert {register(visitors, "ayesha", OTHER) for _ in range(2 * MIN_VISITOR_SHARE)} == {200, 429}
    assert {beat(visitors, "ayesha", OTHER).status_code for _ in range(2 * MIN_VISITOR_SHARE)} == {204, 429}
    assert register(visitors, "ayesha") == 200
    assert beat(visitors, "ayesha").status_code == 204


def test_retries_cost_a_visitor_nothing(visitors):
    """This holds even when many people share an address, such as on a campus."""
    assert {register(visitors, "ayesha", visitId="1") for _ in range(3 * MIN_VISITOR_SHARE)} == {200}
    assert [register(visitors, "ayesha") for _ in range(MIN_VISITOR_SHARE)] == [200] * (MIN_VISITOR_SHARE - 1) + [429]


def test_visitors_and_addresses_have_so_many_heartbeats(behind):
    visitors = behind(0, RATE_LIMIT_REGISTRATIONS=6, RATE_LIMIT_VISITOR=MIN_VISITOR_SHARE)
    register(visitors, "ayesha")
    statuses = [beat(visitors, "ayesha").status_code for _ in range(MIN_VISITOR_SHARE + 1)]
    assert statuses == [204] * MIN_VISITOR_SHARE + [429]
    most = 30 - MIN_VISITOR_SHARE - 1
    assert [beat(visitors, f"visitor{number}").status_code for number in range(most)] == [404] * most
    refused = beat(visitors, "babul")
    assert_error(refused, 429, "rate_limited")
    assert limits_of(refused)[:2] == [30, 0]
    assert beat(visitors, "ayesha", OTHER).status_code == 204
