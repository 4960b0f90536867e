"""Whose address the server takes a request to come from, and whose it would be with more or fewer proxies trusted.

Addresses are shown to whoever looks, and kept nowhere (specification: Storage).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from koyjabo.network import client_address

BEFORE_PROXIES = "werkzeug.proxy_fix.orig"
MOST_SHOWN = 10


class Hop(NamedTuple):
    """The address that TRUSTED_PROXIES of this number gives."""

    proxies: int
    address: str


def hops(environ: Mapping[str, Any]) -> list[Hop]:
    """From none trusted, which is the peer itself, to as many as X-Forwarded-For names, MOST_SHOWN at most."""
    peer = environ.get(BEFORE_PROXIES, environ).get("REMOTE_ADDR") or ""
    named = client_address.hops(environ, MOST_SHOWN)
    return [Hop(number, address or peer) for number, address in enumerate([peer, *named])]


def in_force(environ: Mapping[str, Any], trusted: int) -> int:
    """How many proxies are trusted for this request: `trusted`, and in development the one on this machine."""
    return trusted or min(int(BEFORE_PROXIES in environ), len(hops(environ)) - 1)
