"""The client's address in the current request, and what it would be with other values of TRUSTED_PROXIES. Addresses are
only shown to the admin who makes the request, and are not stored (specification: Storage).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from koyjabo.base.network import client_address

PEER = "koyjabo.peer"
"""Key in the environment of a request through trusted proxies, with the address that it came from."""

MAX_SHOWN_ADDRESSES = 10


class Hop(NamedTuple):
    """The client's address with this value of TRUSTED_PROXIES."""

    proxies: int
    address: str


def hops(environ: Mapping[str, Any]) -> list[Hop]:
    """The hops: from 0 trusted proxies (the peer's address) up to one per entry of X-Forwarded-For, at most
    MAX_SHOWN_ADDRESSES.
    """
    peer = environ.get(PEER) or environ.get("REMOTE_ADDR") or ""
    named = client_address.hops(environ, MAX_SHOWN_ADDRESSES)
    return [Hop(number, address or peer) for number, address in enumerate([peer, *named])]


def in_force(environ: Mapping[str, Any], trusted: int) -> int:
    """The number of trusted proxies of this request: `trusted`, or 1 for a proxy on this machine in development."""
    return trusted or min(int(PEER in environ), len(hops(environ)) - 1)
