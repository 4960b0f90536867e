"""The networks that an address counts for: an IPv4 address for itself, an IPv6 one with its neighbours."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from koyjabo.network.client_address import LOCAL, LOCAL_KEYS, TIMES_LOCAL


class Level(NamedTuple):
    """A network, and how many times the limit of one address it is allowed."""

    network: str
    times: int


@lru_cache(maxsize=4096)
def levels(address: str) -> tuple[Level, ...]:
    """The networks of an address as `client_address.limit_key` writes it, smallest first.

    A customer has a /64, a /56 or a /48, which are 1, 256 or 65,536 addresses of that kind, and cannot be told apart.
    """
    if not address.isdecimal():
        return (Level(address, TIMES_LOCAL if address == LOCAL else 1),)
    number = int(address)  # the first 64 bits
    return Level(address, 1), Level(f"{number >> 8:x}/56", 4), Level(f"{number >> 16:x}/48", 16)


def customer(address: str) -> str:
    """The largest network that one customer may have: an IPv4 address, or the /48 of an IPv6 address."""
    return levels(address)[-1].network


def neighbours(address: str) -> str:
    """The /24 or /48 of an address; "" for this machine, which may be a proxy of all clients, and for no limit."""
    if not address or address in LOCAL_KEYS:
        return ""
    return customer(address) if address.isdecimal() else address.rpartition(".")[0] or address


@lru_cache(maxsize=4096)
def _networks(address: str) -> frozenset[str]:
    """All that an address counts for. The /48 of IPv6 is a level, too; the /24 of IPv4 is not."""
    return frozenset(each.network for each in levels(address)) | ({neighbours(address)} - {""})


class AddressCounter:
    """How much each network holds of something, such as sockets."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def has_room(self, address: str, most: int) -> bool:
        """Whether each network of an address holds less than it may, if one address may hold `most`."""
        return all(self._counts[network] < most * times for network, times in levels(address))

    def neighbours_have_room(self, address: str, most: int) -> bool:
        """Whether the /24 or /48 of an address holds less than `most`; true of addresses without one."""
        network = neighbours(address)
        return not network or self._counts[network] < most

    def add(self, address: str) -> None:
        for network in _networks(address):
            self._counts[network] += 1

    def remove(self, address: str) -> None:
        for network in _networks(address):
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]
