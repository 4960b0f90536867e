"""A request's client address, for rate limits, and the networks that share those limits. An IPv4 address has its own
limits; an IPv6 address shares them with its neighbours. Stores no addresses.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple

from koyjabo.base.core.sanitize import truncate
from . import origins
from .embedded_ipv4 import ipv4_in

log = logging.getLogger(__name__)

X_FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
X_FORWARDED_PROTO, X_FORWARDED_HOST = "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"
FORWARDING_HEADERS = frozenset((X_FORWARDED_FOR, "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA"))

TLS_SCHEMES = {"https", "wss"}
"""Schemes of requests over TLS. Traefik names the scheme of a WebSocket."""

NO_LIMIT = "koyjabo.no_limit"
"""Key in a request's environment that exempts it from limits. Set only in development, for clients on this machine."""

LOCAL, LOCAL_PROXY = "this machine", "127.0.0.1"
"""Keys for requests from this machine, and for requests that a local proxy forwards."""

LOCAL_KEYS = frozenset((LOCAL, LOCAL_PROXY))

current: ContextVar[str] = ContextVar("client_address", default="")
"""The `limit_key` of the current request; "" outside a request. The transport sets it before the request sends
emails.
"""

current_place: ContextVar[str] = ContextVar("client_place", default="")
"""The location of the current request, such as "Dhaka, BD"; never an address (specification: Storage). The transport
sets it before the request changes anything.
"""

TIMES_LOCAL = 10
"""LOCAL gets this many times an address's limits, because it may be a proxy that does not name its clients."""

SENTENCE = "All visitors seem to come from %s: set TRUSTED_PROXIES"

ENOUGH_REQUESTS, ENOUGH_BROWSERS = 20, 20
"""If this many requests came from this machine, or this many browsers use one private address, and no request came from
elsewhere, they probably come through a proxy.
"""

PRIVATE_NETWORKS = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
"""RFC 1918, 6598 and 4193: also the gateways of containers."""


def hops(environ: Mapping[str, Any], most: int) -> list[str]:
    """Up to `most` addresses from X-Forwarded-For, last hop first; "" for an empty entry. Ignores further entries,
    because the client may have made them up.
    """
    return [_without_port(hop) for hop in _last_entries(environ, X_FORWARDED_FOR, most)]


def _last_entries(environ: Mapping[str, Any], name: str, most: int) -> list[str]:
    header = environ.get(name)
    return [entry.strip() for entry in reversed(header.rsplit(",", most)[-most:])] if header else []


def behind(environ: Mapping[str, Any], proxies: int) -> dict[str, str]:
    """The parts of a request's environment as the outermost of our `proxies` received it, from its entry in the
    X-Forwarded headers (decision 47).

    Each proxy adds its entry to X-Forwarded-For. Without as many entries, the address is not believed. Most proxies
    replace or keep X-Forwarded-Proto, so the first entry of a shorter list is the outermost proxy's. A host is believed
    only from a list with an entry of each of several proxies: most do not write it, and pass on what clients made up.
    """
    received: dict[str, str] = {}
    if not proxies:
        return received
    addresses = hops(environ, proxies)
    if len(addresses) == proxies and addresses[-1]:
        received["REMOTE_ADDR"] = addresses[-1]
        hosts = _last_entries(environ, X_FORWARDED_HOST, proxies)
        if len(hosts) == proxies > 1 and origins.normal_web(f"http://{hosts[-1]}"):
            received["HTTP_HOST"] = hosts[-1]
    if schemes := _last_entries(environ, X_FORWARDED_PROTO, proxies):
        received["wsgi.url_scheme"] = "https" if schemes[-1].lower() in TLS_SCHEMES else "http"
    return received


def _without_port(hop: str) -> str:
    """Remove the port that some proxies add, as in `192.0.2.1:5678` or `[2001:db8::1]:443`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def limit_key(environ: Mapping[str, Any]) -> str:
    """The network that a request counts towards; "" for a request without limits."""
    address = environ.get("REMOTE_ADDR") or ""
    if address and not is_loopback(address):  # empty for a Unix socket, under another WSGI server
        return neighbourhood(address)
    if NO_LIMIT in environ:
        return ""
    return LOCAL_PROXY if is_forwarded(environ) else LOCAL


def guess_key(environ: Mapping[str, Any]) -> str:
    """Like `limit_key`, but for guesses at one account, where this machine has no larger limit."""
    key = limit_key(environ)
    return "" if key == LOCAL else key


def is_forwarded(environ: Mapping[str, Any]) -> bool:
    """Whether the request has a header that names another client."""
    return not environ.keys().isdisjoint(FORWARDING_HEADERS)


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return ip.is_loopback or (isinstance(ip, IPv6Address) and bool(ip.ipv4_mapped and ip.ipv4_mapped.is_loopback))


@lru_cache(maxsize=1024)
def neighbourhood(address: str) -> str:
    """The address, or the /64 of an IPv6 address. A customer with IPv6 may use every address in a /64."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ipv4_in(ip) or int(ip) >> 64)
    return address


def derived_visitor(environ: Mapping[str, Any]) -> str:
    """A visitor without an id: a browser behind an address, as seen by one origin, so that no other site's pages can
    find out that the browser has been there. It is no valid id, and is only stored as a hash of the day.
    """
    address, browser = neighbourhood(environ.get("REMOTE_ADDR") or ""), environ.get("HTTP_USER_AGENT", "")
    return "\n".join((address, truncate(browser), truncate(environ.get("HTTP_ORIGIN", ""))))


def is_derived(visitor_id: str) -> bool:
    return "\n" in visitor_id


class Level(NamedTuple):
    """A network, and its limit as a multiple of an address's limit."""

    network: str
    times: int


@lru_cache(maxsize=4096)
def levels(address: str) -> tuple[Level, ...]:
    """The networks of a `limit_key`, smallest first. A customer with IPv6 may have a /64, a /56 or a /48, and it is
    unknown which one.
    """
    if not address.isdecimal():
        return (Level(address, TIMES_LOCAL if address == LOCAL else 1),)
    number = int(address)  # the first 64 bits
    return Level(address, 1), Level(f"{number >> 8:x}/56", 4), Level(f"{number >> 16:x}/48", 16)


def customer(address: str) -> str:
    """The largest network that one customer may have: an IPv4 address, or the /48 of an IPv6 address."""
    return levels(address)[-1].network


def neighbours(address: str) -> str:
    """The IPv4 /24 or IPv6 /48 of an address; "" for this machine, which may be a proxy for all clients, and for ""."""
    if not address or address in LOCAL_KEYS:
        return ""
    return customer(address) if address.isdecimal() else address.rpartition(".")[0] or address


@lru_cache(maxsize=4096)
def _networks(address: str) -> frozenset[str]:
    """All networks that an address counts towards. An IPv6 /48 is already a level; an IPv4 /24 is not."""
    return frozenset(level.network for level in levels(address)) | ({neighbours(address)} - {""})


class AddressCounter:
    """Counts what each network uses, such as open sockets."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def has_room(self, address: str, most: int, uses: int = 1) -> bool:
        """Whether all networks of an address have this many uses left, if one address may have `most`."""
        return all(self._counts[network] + uses <= most * times for network, times in levels(address))

    def neighbours_have_room(self, address: str, most: int) -> bool:
        """Whether the IPv4 /24 or IPv6 /48 of an address uses less than `most`; true for addresses without such a
        network.
        """
        network = neighbours(address)
        return not network or self._counts[network] < most

    def add(self, address: str, uses: int = 1) -> None:
        for network in _networks(address):
            self._counts[network] += uses

    def remove(self, address: str, uses: int = 1) -> None:
        for network in _networks(address):
            self._counts[network] -= uses
            if not self._counts[network]:
                del self._counts[network]


def private_address(key: str) -> str:
    """The private address, or network of an IPv6 address, with this `limit_key`; "" for others."""
    with suppress(ValueError):
        ip = IPv6Address(int(key) << 64) if key.isdecimal() else ip_address(key)
        return str(ip) if any(ip in network for network in PRIVATE_NETWORKS) else ""
    return ""


class LocalProxy:
    """Notices a proxy on this machine or at a private address whose clients cannot be distinguished, because
    TRUSTED_PROXIES is not set, or the proxy does not name its clients.
    """

    def __init__(self) -> None:
        # True until a request comes from elsewhere. An attribute, not a method, because every request reads it.
        self.is_alone = True
        self.address = ""
        """The address that all visitors seem to have; "" if there is nothing to do."""
        self._requests = 0
        self._private = ""
        self._browsers: set[str] = set()

    def seen(self, key: str, user_agent: str) -> None:
        """Note a request that counts towards the `limit_key`."""
        if key in LOCAL_KEYS:
            self._requests += not self._private
            address, is_enough = LOCAL_PROXY, self._requests >= ENOUGH_REQUESTS
        else:
            address = private_address(key)
            self.is_alone = bool(address) and self._private in ("", address)
            self._private = address
            self._browsers.add(user_agent)
            is_enough = len(self._browsers) >= ENOUGH_BROWSERS
        if not self.is_alone:
            self.address = ""
            self._browsers.clear()
        elif is_enough and not self.address:
            self.address = address
            log.warning("local_proxy advice=%r", self.warning)

    @property
    def warning(self) -> str | None:
        """Advice for the operator; None if there is nothing to do."""
        return SENTENCE % self.address if self.address else None
