"""Finds out who owns an address: a hosting network, another network, or the operators of this server.

A visit stores the result and never the address (specification: Storage).
"""

import json
import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton

from .embedded_ipv4 import ipv4_bytes
from .maxmind_file import NETWORK_DATA, MaxMindFile, lookup_key

DATACENTRE, OTHER_NETWORK = NETWORKS = ("datacentre", "other")

HOSTERS = NETWORK_DATA / "hosting.json"
"""AS numbers of the largest hosting networks, by name. Networks that people also browse from, such as Cloudflare's, are
left out."""

HOSTING_RANGES = NETWORK_DATA / "hosting.bin"
"""The addresses of HOSTERS, as `make assets` writes them (tools/assets/networks.mjs)."""

AS_NUMBER = "autonomous_system_number"
"""The first bytes of an IPv4 address that is written as an IPv6 address (RFC 4291)."""

IsHosted = Callable[[str], bool]


class AddressOwners:
    """Looks up who owns an address. `files` are MaxMind databases with AS numbers (ASN_DATABASE), searched in order; if
    there are none, HOSTING_RANGES are used. `own` returns the networks in OWN_ADDRESSES.

    Raises OSError, ValueError or maxminddb.InvalidDatabaseError if a file cannot be read.
    """

    def __init__(
        self, files: Sequence[Path] = (), own: Callable[[], Sequence[IPv4Network | IPv6Network]] = tuple
    ) -> None:
        self._is_hosted = _by_databases(files) if files else _by_ranges()
        self._own = own

    def network(self, address: str | None) -> str | None:
        """DATACENTRE or OTHER; None without an address or a database. Never raises."""
        if not address or self._is_hosted is None:
            return None
        try:
            return DATACENTRE if self._is_hosted(address) else OTHER_NETWORK
        except (OSError, ValueError):
            return None

    def is_own(self, address: str | None) -> bool:
        """Whether the address is in OWN_ADDRESSES. Never raises."""
        if not (own := self._own()):
            return False
        key = lookup_key(address)
        if key is None:
            return False
        ip = ip_address(key)
        return any(ip in network for network in own)


def _by_ranges() -> IsHosted | None:
    if not HOSTING_RANGES.is_file():
        return None
    bounds = array("Q", HOSTING_RANGES.read_bytes())
    if sys.byteorder == "big":
        bounds.byteswap()

    def is_hosted(address: str) -> bool:
        # An odd number of bounds up to the address means that it is within a range. This takes about 1 µs; `ip_address`
        # would take 2.
        return bisect_right(bounds, _number(address)) % 2 == 1

    return is_hosted


def _number(address: str) -> int:
    """An IPv4 address, or the first 64 bits of an IPv6 address. Raises OSError."""
    if ":" not in address:
        return int.from_bytes(inet_pton(AF_INET, address))
    packed = inet_pton(AF_INET6, address)
    return int.from_bytes(ipv4_bytes(packed) or packed[:8])


def _by_databases(files: Sequence[Path]) -> IsHosted:
    databases = [MaxMindFile(file) for file in files]
    hosters = {number for numbers in json.loads(HOSTERS.read_text("utf-8")).values() for number in numbers}

    def is_hosted(address: str) -> bool:
        key = lookup_key(address)
        if key is None:
            raise ValueError
        records = (database.record(key) for database in databases)
        return next((record.get(AS_NUMBER) for record in records if record), None) in hosters

    return is_hosted
