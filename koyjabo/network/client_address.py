"""The client address of a request, as rate limits use it. Stores no addresses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

X_FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
FORWARDED = (X_FORWARDED_FOR, "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


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
    """The neighbourhood that a request counts for. Empty for a direct request from this machine, such as health checks,
    benchmarks and the command line.
    """
    address = environ.get("REMOTE_ADDR") or ""
    if is_loopback(address) and not any(name in environ for name in FORWARDED):
        return ""
    return neighbourhood(address)


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
