"""The client address of a request, as rate limits use it. Stores no addresses."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

X_FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
FORWARDED = (X_FORWARDED_FOR, "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")

NO_LIMIT = "koyjabo.no_limit"
"""In the environment of a request without limits; set in development, for clients on this machine."""

LOCAL, LOCAL_PROXY = "this machine", "127.0.0.1"
"""The keys of requests from this machine, and of requests that a local proxy forwards for another client."""

LOCAL_KEYS = frozenset((LOCAL, LOCAL_PROXY))

current: ContextVar[str] = ContextVar("client_address", default="")
"""The `limit_key` of the current request; "" outside of one. The transport sets it before the request sends mails."""

current_place: ContextVar[str] = ContextVar("client_place", default="")
"""The place of the current request, such as "Dhaka, BD"; never an address (specification: Storage). The transport sets
it before the request changes anything.
"""

TIMES_LOCAL = 10
"""How many times the limits of one address LOCAL has: it may be a proxy that does not say for whom it forwards."""


def hops(environ: Mapping[str, Any], most: int) -> list[str]:
    """The addresses in X-Forwarded-For, last hop first, at most `most`; "" for an empty one. Ignores entries before
    those of the server's own proxies, so that a client cannot hide them by what it sends.
    """
    header = environ.get(X_FORWARDED_FOR)
    return [_without_port(hop.strip()) for hop in reversed(header.rsplit(",", most)[-most:])] if header else []


def _without_port(hop: str) -> str:
    """Remove the port that some proxies add: `192.0.2.1:5678`, `[2001:db8::1]:443`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def limit_key(environ: Mapping[str, Any]) -> str:
    """The neighbourhood that a request counts for. Empty for a request without limits."""
    address = environ.get("REMOTE_ADDR") or ""
    if address and not is_loopback(address):  # none: a peer at a Unix socket, under another WSGI server
        return neighbourhood(address)
    if NO_LIMIT in environ:
        return ""
    return LOCAL_PROXY if is_forwarded(environ) else LOCAL


def guess_key(environ: Mapping[str, Any]) -> str:
    """As `limit_key`, for guesses at one account: of these, this machine has no more than any other."""
    key = limit_key(environ)
    return "" if key == LOCAL else key


def is_forwarded(environ: Mapping[str, Any]) -> bool:
    """Whether the peer says that it forwards a request of another client."""
    return any(name in environ for name in FORWARDED)


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return ip.is_loopback or (isinstance(ip, IPv6Address) and bool(ip.ipv4_mapped and ip.ipv4_mapped.is_loopback))


@lru_cache(maxsize=1024)
def neighbourhood(address: str) -> str:
    """The address, or its /64 for IPv6, because one IPv6 customer may use all addresses of a /64."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or int(ip) >> 64)
    return address
