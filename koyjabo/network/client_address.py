"""Whose address a request comes from, as far as limits care. Nothing here is kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

X_FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
FORWARDED = (X_FORWARDED_FOR, "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


def hops(environ: Mapping[str, Any], most: int) -> list[str]:
    """Who X-Forwarded-For says a request came through, the last of them first, `most` at most; "" for one that is not
    named. What others wrote before our own proxies is not looked at, so nothing in it can hide what those say.
    """
    said = environ.get(X_FORWARDED_FOR)
    return [_without_port(hop.strip()) for hop in reversed(said.rsplit(",", most)[-most:])] if said else []


def _without_port(hop: str) -> str:
    """Some proxies write `192.0.2.1:5678` and `[2001:db8::1]:443`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def counted(environ: Mapping[str, Any]) -> str:
    """The neighbourhood a request is counted for; empty for a peer on this machine that speaks for itself: health
    checks, benchmarks, the command line.
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
    """An IPv6 customer has a whole /64 to choose addresses from; count it as one."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or int(ip) >> 64)
    return address
