"""Limits on registrations and heartbeats per address and per visitor."""

import time

import pytest
from support.application.site import Site, assert_error, nothing_counted
from support.people.admins import panel

from koyjabo.base.network.client_address import ENOUGH_BROWSERS, ENOUGH_REQUESTS, SENTENCE
from koyjabo.web.limits.limits import MIN_VISITOR_SHARE

LIMIT = 3
PHONE, OTHER = "203.0.113.7", "203.0.113.8"
LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
UNIX_SOCKET = ""  # the address of a proxy on a Unix socket, as other WSGI servers report it
FORWARDED = ({"X-Forwarded-For": PHONE}, {"Forwarded": f"for={PHONE}"}, {"X-Real-IP": PHONE}, {"Via": "1.1 proxy"})


@pytest.fixture
def new_site(sqlite_database):
    sites = []

    def make(**settings) -> Site:
        sites.append(Site(sqlite_database.url, **{"RATE_LIMIT_REGISTRATIONS": LIMIT, **settings}))
        return sites[-1]

    yield make
    for site in sites:
        site.__exit__()


@pytest.fixture
def site(new_site):
    return new_site()


@pytest.fixture
def visitors(new_site):
    return new_site(RATE_LIMIT_REGISTRATIONS=1000, RATE_LIMIT_VISITOR=MIN_VISITOR_SHARE)


def post(site: Site, visitor: str = "ayesha", peer: str = PHONE, headers: dict[str, str] | None = None, **fields):
    body = {"visitorId": visitor, **fields}
    return site.post(json=body, headers=headers, environ_overrides={"REMOTE_ADDR": peer})


def register(site: Site, visitor: str = "ayesha", peer: str = PHONE, **fields) -> int:
    return post(site, visitor, peer, **fields).status_code


def beat(site: Site, visitor: str, peer: str = PHONE):
    return site.post("/api/visitor/heartbeat", json={"visitorId": visitor}, environ_overrides={"REMOTE_ADDR": peer})


def limits_of(answer) -> list[int]:
    """Limit, remaining, reset."""
    return [int(answer.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")]


def test_a_registration_beyond_the_limit_of_its_address_is_refused_and_not_counted(site):
    assert [register(site) for _ in range(LIMIT)] == [200] * LIMIT
    with nothing_counted(site):
        answer = post(site)
        assert_error(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert [register(site, peer=OTHER) for _ in range(LIMIT)] == [200] * LIMIT
    assert site.client.get("/api/stats", environ_overrides={"REMOTE_ADDR": PHONE}).status_code == 200
    assert beat(site, "ayesha").status_code == 204


def test_all_loopback_addresses_are_one_address_with_ten_times_the_limit(site):
    peers = [*LOOPBACK, UNIX_SOCKET]
    statuses = [register(site, peer=peers[number % 5]) for number in range(10 * LIMIT + 1)]
    assert statuses == [200] * 10 * LIMIT + [429]


def test_the_client_of_a_local_proxy_has_the_usual_limit(site):
    statuses = [post(site, peer="127.0.0.1", headers=headers).status_code for headers in FORWARDED]
    assert statuses == [200] * LIMIT + [429]


def test_loopback_has_no_limit_in_development(new_site):
    site = new_site(ENVIRONMENT="development", RATE_LIMIT_VISITOR=MIN_VISITOR_SHARE)
    assert {register(site, peer=LOOPBACK[number % 4]) for number in range(40 * LIMIT + 1)} == {200}
    assert not [name for name, _ in post(site, peer="127.0.0.1").headers if name.startswith("X-RateLimit")]
    assert [register(site) for _ in range(LIMIT + 1)][-1] == 429


def test_a_setting_of_0_removes_the_limit(new_site):
    site = new_site(RATE_LIMIT_REGISTRATIONS=0, RATE_LIMIT_VISITOR=0)
    answers = [post(site) for _ in range(100)]
    assert {answer.status_code for answer in answers} == {200}
    assert not [name for name, _ in answers[-1].headers if name.startswith("X-RateLimit")]


def test_a_proxy_that_hides_its_clients_is_reported_in_three_places(new_site, caplog):
    site = new_site(RATE_LIMIT_REGISTRATIONS=1000)
    admin = panel(site)  # with one request from this machine
    for number in range(ENOUGH_REQUESTS - 2):
        post(site, peer="127.0.0.1", headers={"X-Forwarded-For": PHONE} if number % 2 else None)
    assert "warnings" not in site.client.get("/readyz").json
    post(site, peer="127.0.0.1")
    post(site, peer="127.0.0.1")
    (line,) = (record.getMessage() for record in caplog.records if record.name.endswith("network.client_address"))
    answer = site.client.get("/readyz")
    (warning,) = answer.json["warnings"]
    assert (answer.status_code, line) == (200, f"local_proxy advice={warning!r}")
    assert warning in admin.get("/admin/server")


@pytest.mark.parametrize("gateway", ["172.18.0.1", "fd00:1::1"])
def test_many_browsers_at_one_private_address_are_reported_as_a_proxy_with_its_address(new_site, gateway):
    site = new_site(RATE_LIMIT_REGISTRATIONS=1000)
    for number in range(ENOUGH_BROWSERS):
        assert "warnings" not in site.client.get("/readyz").json
        post(site, peer=gateway, headers={"User-Agent": f"Firefox/{90 + number}.0"})
    assert site.client.get("/readyz").json["warnings"] == [SENTENCE % gateway.replace("::1", "::")]
    assert "warnings" not in (post(site, peer="x"), site.client.get("/readyz"))[1].json, "there is another client"


def test_responses_contain_the_limit_the_remaining_requests_and_the_reset_time(site):
    invalid = site.post(data="no JSON", environ_overrides={"REMOTE_ADDR": PHONE})
    answers = [invalid, *(post(site) for _ in range(LIMIT))]
    assert [answer.status_code for answer in answers] == [415, 200, 200, 429]
    assert [limits_of(answer)[:2] for answer in answers] == [[3, 2], [3, 1], [3, 0], [3, 0]]
    resets_at_s = [limits_of(answer)[2] for answer in answers]
    assert max(resets_at_s) - min(resets_at_s) <= 1, "each is rounded to a second"
    assert 0 < resets_at_s[-1] - time.time() <= 61
    exposed = answers[0].headers["Access-Control-Expose-Headers"]
    assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"} <= {*exposed.split(", ")}


def test_a_visit_refused_by_a_limit_is_counted_when_it_is_sent_again(site, monkeypatch):
    for _ in range(LIMIT):
        post(site)
    refused = post(site, "babul", visitId="1")
    assert refused.status_code == 429
    later = time.monotonic() + int(refused.headers["Retry-After"])
    monkeypatch.setattr(time, "monotonic", lambda: later)
    counted, again = (post(site, "babul", visitId="1").json["visit"] for _ in range(2))
    assert (counted["ordinal"], counted["duplicate"], again) == (LIMIT + 1, False, {**counted, "duplicate": True})


def test_a_stranger_cannot_use_up_the_limit_of_a_known_visitor_id(visitors):
    register(visitors, "ayesha")
    assert {register(visitors, "ayesha", OTHER) for _ in range(2 * MIN_VISITOR_SHARE)} == {200, 429}
    assert {beat(visitors, "ayesha", OTHER).status_code for _ in range(2 * MIN_VISITOR_SHARE)} == {204, 429}
    assert register(visitors, "ayesha") == 200
    assert beat(visitors, "ayesha").status_code == 204


def test_retries_do_not_count_towards_the_limit_of_their_visitor(visitors):
    """This holds even when many people share an address, such as on a campus."""
    assert {register(visitors, "ayesha", visitId="1") for _ in range(3 * MIN_VISITOR_SHARE)} == {200}
    assert [register(visitors, "ayesha") for _ in range(MIN_VISITOR_SHARE)] == [200] * (MIN_VISITOR_SHARE - 1) + [429]


def test_heartbeats_have_a_limit_for_a_visitor_and_for_an_address(new_site):
    site = new_site(RATE_LIMIT_REGISTRATIONS=6, RATE_LIMIT_VISITOR=MIN_VISITOR_SHARE)
    register(site, "ayesha")
    statuses = [beat(site, "ayesha").status_code for _ in range(MIN_VISITOR_SHARE + 1)]
    assert statuses == [204] * MIN_VISITOR_SHARE + [429]
    most = 30 - MIN_VISITOR_SHARE - 1
    assert [beat(site, f"visitor{number}").status_code for number in range(most)] == [404] * most
    refused = beat(site, "babul")
    assert_error(refused, 429, "rate_limited")
    assert limits_of(refused)[:2] == [30, 0]
    assert beat(site, "ayesha", OTHER).status_code == 204
