"""The address that determines a visitor's location: the one our outermost proxy saw."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from support.application.site import Site

BANGLADESH, AMERICA, GERMANY = "103.4.145.245", "8.8.8.8", "85.214.132.117"
BANGLADESH_V6 = "2400:c600::1"
PROXY = "10.0.0.2"
EDGE = "10.0.0.1"
"""The address of our inner hops, at the end of the header."""


@pytest.fixture
def behind(sqlite_database):
    """`behind(2)` is a site behind two of our proxies."""
    with ExitStack() as sites:
        yield lambda proxies: sites.enter_context(Site(sqlite_database.url, TRUSTED_PROXIES=proxies))


def register(site: Site, peer: str, forwarded: str | None = None, **headers: str) -> dict:
    """Register a visit, and return the locations. Asserts that the response and the next read agree."""
    headers |= {"X-Forwarded-For": forwarded} if forwarded else {}
    answer = site.post(json={"visitorId": "ayesha"}, headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    assert answer.status_code == 200, answer.text
    locations = answer.json["stats"]["locations"]
    assert site.stats()["locations"] == locations
    return {place: details["count"] for place, details in locations.items()}


def chain(proxies: int, *hops: str) -> str:
    """The header as it arrives behind this many of our proxies."""
    return ", ".join([*hops, *[EDGE] * (proxies - 1)])


def test_peer_is_the_visitor_where_no_proxy_is_ours(behind):
    site = behind(0)
    for peer in (BANGLADESH, BANGLADESH_V6, f"::ffff:{BANGLADESH}"):
        assert register(site, peer) == {"Bangladesh": 1}
    assert register(site, BANGLADESH, AMERICA) == {"Bangladesh": 1}
    assert register(site, BANGLADESH, **{"X-Real-IP": AMERICA}) == {"Bangladesh": 1}
    assert register(site, "127.0.0.1", BANGLADESH) == {"Unknown": 1}, "in production this machine speaks for itself"


@pytest.mark.parametrize("proxies", [1, 2])
def test_hop_that_our_outermost_proxy_saw_is_the_visitor_whatever_is_forged(behind, proxies):
    site = behind(proxies)
    hops = [BANGLADESH, BANGLADESH_V6, f"{BANGLADESH}:5678", f"[{BANGLADESH_V6}]:443", f"[{BANGLADESH_V6}]"]
    forged = [(), (AMERICA,), (AMERICA, GERMANY), ("rubbish",), ("127.0.0.1", "")]
    forged += [(value,) for value in ('"', f'"{AMERICA}', f'{AMERICA}, "', '\\"', ",", "[", "a:b")]
    for hop in hops:
        for before in forged:
            places = register(site, PROXY, chain(proxies, *before, hop))
            assert places == {"Bangladesh": 1}, (before, hop)
    for header in ("X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP"):
        header_value = {header: f"for={AMERICA}" if header == "Forwarded" else AMERICA}
        assert register(site, PROXY, chain(proxies, BANGLADESH), **header_value) == {"Bangladesh": 1}, header


def test_header_with_fewer_hops_than_are_ours_is_not_believed(behind):
    assert register(behind(2), PROXY, AMERICA) == {"Unknown": 1}


def test_hop_that_is_empty_is_the_proxy_itself(behind):
    assert register(behind(1), BANGLADESH, f"{AMERICA},") == {"Bangladesh": 1}


def test_place_is_kept_and_the_address_is_not(behind, caplog):
    site = behind(1)
    register(site, PROXY, BANGLADESH)
    stored = str(site.contents())
    assert "Bangladesh" in stored
    assert all(address not in stored + caplog.text for address in (BANGLADESH, PROXY))


def test_in_development_this_machine_alone_speaks_for_others(sqlite_database):
    with Site(sqlite_database.url, ENVIRONMENT="development") as site:
        for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            assert register(site, peer, f"{AMERICA}, {BANGLADESH}") == {"Bangladesh": 1}
        assert register(site, GERMANY, BANGLADESH) == {"Germany": 1}
