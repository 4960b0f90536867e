"""The address that determines a visitor's location: the one our outermost proxy saw."""

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


SECURE, PLAIN = "max-age=31536000", None
SCHEMES = {
    (1, "https"): SECURE,
    (1, "http"): PLAIN,
    (1, "HTTPS"): SECURE,
    (1, "wss"): SECURE,  # Traefik, for a WebSocket
    (1, "https, http"): PLAIN,  # a client made up the first entry
    (2, "https"): SECURE,  # Cloudflare and Render, or two of nginx, Caddy and Traefik: one entry, which is kept
    (2, "https, http"): SECURE,  # proxies that append, such as Node's http-proxy; the inner connection has no TLS
    (2, "http, https"): PLAIN,
    (2, "https, http, http"): PLAIN,
    (2, ""): PLAIN,
}
"""X-Forwarded-Proto as it arrives behind a number of our proxies, and what the connection of a client was."""


def test_scheme_is_of_the_same_proxy_as_the_address(behind):
    for proxies in (1, 2, 3):
        site = behind(proxies)
        for (number, schemes), expected in SCHEMES.items():
            if number == proxies:
                headers = {"X-Forwarded-For": chain(proxies, BANGLADESH), "X-Forwarded-Proto": schemes}
                answer = site.client.get("/healthz", headers=headers)
                assert answer.headers.get("Strict-Transport-Security") == expected, (proxies, schemes)


HOSTS = {
    (2, "live.example, inner.example"): "live.example",  # Apache appends
    (2, "evil.example, live.example:8443, inner.example"): "live.example:8443",
    (2, "[2001:db8::1]:8443, inner.example"): "[2001:db8::1]:8443",
    (2, "evil.example"): "localhost",  # most proxies pass on what a client made up
    (1, "evil.example"): "localhost",
    (2, "<script>, inner.example"): "localhost",
    (2, ", inner.example"): "localhost",
}
"""X-Forwarded-Host as it arrives behind a number of our proxies, and the host that is believed."""


def test_host_is_of_the_same_proxy_as_the_address(behind):
    for proxies in (1, 2, 3):
        site = behind(proxies)
        for (number, hosts), expected in HOSTS.items():
            if number == proxies:
                forwarded = chain(proxies, BANGLADESH)
                page = site.client.get("/", headers={"X-Forwarded-For": forwarded, "X-Forwarded-Host": hosts}).text
                assert f'"og:image" content="http://{expected}/' in page, (proxies, hosts)
                page = site.client.get("/", headers={"X-Forwarded-Host": hosts}).text
                assert '"og:image" content="http://localhost/' in page, "no address is known"


def test_header_with_fewer_hops_than_are_ours_is_not_believed(behind):
    assert register(behind(2), PROXY, AMERICA) == {"Unknown": 1}
    assert register(behind(1), BANGLADESH, f"{AMERICA},") == {"Bangladesh": 1}, "an empty hop is the proxy itself"


def test_place_is_kept_and_the_address_is_not(behind, caplog):
    site = behind(1)
    register(site, PROXY, BANGLADESH)
    stored = str(site.contents())
    assert "Bangladesh" in stored
    assert all(address not in stored + caplog.text for address in (BANGLADESH, PROXY))


def test_in_development_only_this_machine_is_a_proxy(sqlite_database):
    with Site(sqlite_database.url, ENVIRONMENT="development") as site:
        for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            assert register(site, peer, f"{AMERICA}, {BANGLADESH}") == {"Bangladesh": 1}
        assert register(site, GERMANY, BANGLADESH) == {"Germany": 1}
