"""Rate limits: what they count and cost, and which address a request behind proxies comes from."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product, repeat
from types import SimpleNamespace

import pytest
from support.application.site import Site

from koyjabo.base.network import rate_limiter
from koyjabo.base.network.client_address import AddressCounter, neighbourhood as key
from koyjabo.base.network.rate_limiter import DailyRate, Rate


@pytest.fixture
def now(monkeypatch):
    moment = [1000.0]
    monkeypatch.setattr(rate_limiter, "time", SimpleNamespace(time=time.time, monotonic=lambda: moment[0]))
    return moment


def test_a_rate_limit_ends_at_the_time_that_was_announced(now):
    rate = Rate(1)
    before_s, first = time.time(), rate.use("ayesha")
    assert before_s + 60 <= first.resets_at_s <= time.time() + 61
    now[0] += 59.9
    assert rate.use("ayesha").is_exceeded
    assert rate.use("ayesha").retry_after_s in (1, 2)  # whole seconds, and never too early
    now[0] += 0.2
    assert not rate.use("ayesha").is_exceeded


def test_many_keys_neither_fill_the_memory_nor_reset_the_limit_of_a_key(monkeypatch, now):
    monkeypatch.setattr(rate_limiter, "MAX_RATE_KEYS", 100)
    rate = Rate(2)
    for _ in range(3):
        used = rate.use("ayesha")
    assert used.is_exceeded
    assert not any(rate.use(f"visitor{number}").is_exceeded for number in range(1000))
    assert len(rate._counts) == 100
    assert rate.use("ayesha").is_exceeded
    now[0] += 60
    rate.use("ayesha")
    assert len(rate._counts) == 1


def test_a_daily_limit_forgets_the_addresses_with_the_fewest_uses(monkeypatch, now):
    monkeypatch.setattr(rate_limiter, "MAX_RATE_KEYS", 100)
    rate = DailyRate(1000)
    assert not rate.use("heavy", uses=1000).is_exceeded
    for number in range(1000):
        rate.use(f"light{number}", uses=10)
    assert len(rate._counts) <= 100
    assert rate.use("heavy").is_exceeded
    assert rate.use("heavy").resets_at_s % 86_400 < 60
    now[0] += 86_400
    assert not rate.use("heavy").is_exceeded


def test_the_limit_is_exact_when_many_threads_use_a_rate():
    rate = Rate(500)
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(rate.use, repeat("ayesha", 2000)))
    assert sum(not usage.is_exceeded for usage in used) == 500


LIMIT = 3


def of_prefix(subnet: int, home: int = 0) -> str:
    """A /64 in the /48 `2001:db8:1::`. Its last byte is `subnet`, and the byte before that selects the /56."""
    return key(f"2001:db8:1:{home:02x}{subnet:02x}::1")


@pytest.fixture(params=["rate", "counter"])
def use(request):
    """`use(address)` counts one more use if it is within the limit, and returns whether it is."""
    rate, counter = Rate(LIMIT), AddressCounter()

    def count(address: str) -> bool:
        if not counter.has_room(address, LIMIT):
            return False
        counter.add(address)
        return True

    return count if request.param == "counter" else lambda address: not rate.use_address(address).is_exceeded


@pytest.mark.parametrize(
    ("addresses", "uses", "another"),
    [
        (["192.0.2.1"] * 8, 1, "192.0.2.2"),
        ([f"2001:db8:1:1::{n:x}" for n in range(8)], 1, "2001:db8:1:2::"),
        ([f"2001:db8:1:{n:02x}::" for n in range(8)] * 2, 4, "2001:db8:1:100::"),
    ],
    ids=["IPv4", "customer with a /64", "customer with a /56"],
)
def test_the_network_of_one_customer_has_a_limited_number_of_uses(use, addresses, uses, another):
    used = [use(key(address)) for address in addresses]
    assert used == [True] * uses * LIMIT + [False] * (len(addresses) - uses * LIMIT)
    assert use(key(another))


def test_a_customer_with_a_whole_48_prefix_has_the_limit_of_sixteen_addresses(use):
    used = [use(of_prefix(n, home)) for n, home in product(range(LIMIT), range(17))]
    assert sum(used) == 16 * LIMIT
    assert not use(of_prefix(9, home=200))
    assert use(key("2001:db8:2::")), "another /48"


BANGLADESH, AMERICA, GERMANY = "103.4.145.245", "8.8.8.8", "85.214.132.117"
BANGLADESH_V6 = "2400:c600::1"
PROXY = "10.0.0.2"
EDGE = "10.0.0.1"  # the address of our inner hops, at the end of the header


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


def test_the_peer_is_the_visitor_if_no_proxy_is_trusted(behind):
    site = behind(0)
    for peer in (BANGLADESH, BANGLADESH_V6, f"::ffff:{BANGLADESH}", f"64:ff9b::{BANGLADESH}"):
        assert register(site, peer) == {"Bangladesh": 1}
    assert register(site, BANGLADESH, AMERICA) == {"Bangladesh": 1}
    assert register(site, BANGLADESH, **{"X-Real-IP": AMERICA}) == {"Bangladesh": 1}
    assert register(site, "127.0.0.1", BANGLADESH) == {"Unknown": 1}, "in production this machine speaks for itself"


@pytest.mark.parametrize("proxies", [1, 2])
def test_the_address_that_the_outermost_trusted_proxy_saw_is_the_visitor_despite_forged_headers(behind, proxies):
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


SCHEMES = {  # whether the client's connection had TLS, by the number of our proxies and the header
    (1, "https"): True,
    (1, "http"): False,
    (1, "HTTPS"): True,
    (1, "wss"): True,  # Traefik, for a WebSocket
    (1, "https, http"): False,  # a client made up the first entry
    (2, "https"): True,  # Cloudflare and Render, or two of nginx, Caddy and Traefik: one entry, which is kept
    (2, "https, http"): True,  # proxies that append, such as Node's http-proxy; the inner connection has no TLS
    (2, "http, https"): False,
    (2, "https, http, http"): False,
    (2, ""): False,
}
HOSTS = {  # the host that is believed
    (2, "live.example, inner.example"): "live.example",  # Apache appends
    (2, "evil.example, live.example:8443, inner.example"): "live.example:8443",
    (2, "[2001:db8::1]:8443, inner.example"): "[2001:db8::1]:8443",
    (2, "evil.example"): "localhost",  # most proxies pass on what a client made up
    (1, "evil.example"): "localhost",
    (2, "<script>, inner.example"): "localhost",
    (2, ", inner.example"): "localhost",
}


@pytest.mark.parametrize("proxies", [1, 2])
def test_the_scheme_and_the_host_are_taken_from_the_same_proxy_as_the_address(behind, proxies):
    site, hops = behind(proxies), {"X-Forwarded-For": chain(proxies, BANGLADESH)}
    for (number, schemes), is_secure in SCHEMES.items():
        if number == proxies:
            headers = site.client.get("/healthz", headers={**hops, "X-Forwarded-Proto": schemes}).headers
            assert ("Strict-Transport-Security" in headers) == is_secure, schemes
    for (number, hosts), expected in HOSTS.items():
        if number == proxies:
            page = site.client.get("/", headers={**hops, "X-Forwarded-Host": hosts}).text
            assert f'"og:image" content="http://{expected}/' in page, hosts
    page = site.client.get("/", headers={"X-Forwarded-Host": "live.example, inner.example"}).text
    assert '"og:image" content="http://localhost/' in page, "no address is known"


def test_a_forwarded_header_with_fewer_hops_than_trusted_proxies_is_ignored(behind):
    assert register(behind(2), PROXY, AMERICA) == {"Unknown": 1}
    assert register(behind(1), BANGLADESH, f"{AMERICA},") == {"Bangladesh": 1}, "an empty hop is the proxy itself"


def test_only_the_same_machine_is_a_trusted_proxy_in_development(sqlite_database):
    with Site(sqlite_database.url, ENVIRONMENT="development") as site:
        for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            assert register(site, peer, f"{AMERICA}, {BANGLADESH}") == {"Bangladesh": 1}
        assert register(site, GERMANY, BANGLADESH) == {"Germany": 1}
