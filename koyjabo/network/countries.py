"""In which country an address is: the data that the package geoip2fast brings along, in a fifth of its memory.

Only the package's data file is read (GeoLite2, made by MaxMind). Its code would keep 790,000 networks as lists of
Python integers, 45 MB in each worker, start `ps` twice and change the environment; arrays of numbers need 7 MB, and
are searched as fast. The file's format is the package's own affair, so its version is pinned in pyproject.toml.
"""

from __future__ import annotations

import ctypes
import gzip
import pickle
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import cache
from importlib.metadata import distribution
from ipaddress import IPv4Address, IPv6Address

DATA = "geoip2fast/geoip2fast-ipv6.dat.gz"
IPV4_END = 1 << 32
"""In the file, numbers below are IPv4 addresses."""

IPV6_BITS = 64
"""Nobody is given less than a /64; the other half of an IPv6 address says which machine, not where."""


class Countries:
    """`names` has the English name of each country by its ISO code."""

    def __init__(self) -> None:
        listed, chunks = _read()
        self._by_id = [_country(each) for each in listed]
        self.names = dict(each for each in self._by_id if each)
        self._ipv4 = Networks("I", 32)
        self._ipv6 = Networks("Q", IPV6_BITS)
        for first, country, length in chunks:
            cut = bisect_left(first, IPV4_END)
            self._ipv4.extend(first[:cut], length[:cut], country[:cut])
            upper = [number >> IPV6_BITS for number in first[cut:]]
            self._ipv6.extend(upper, [min(each, IPV6_BITS) for each in length[cut:]], country[cut:])

    def name_at(self, address: IPv4Address | IPv6Address) -> str | None:
        """The English name, or None where no country is known: private, reserved and unassigned addresses."""
        number = int(address)
        found = self._ipv4.find(number) if address.version == 4 else self._ipv6.find(number >> IPV6_BITS)
        country = None if found is None else self._by_id[found]
        return country and country[1]


class Networks:
    """Networks that do not overlap, in ascending order, each with a number below 65,536."""

    def __init__(self, typecode: str, bits: int) -> None:
        self._bits = bits
        self._first = array(typecode)
        self._length = array("B")
        self._value = array("H")

    def extend(self, first: list[int], length: list[int], value: list[int]) -> None:
        """Add networks by their first addresses, prefix lengths and numbers."""
        self._first.extend(first)
        self._length.extend(length)
        self._value.extend(value)

    def find(self, address: int) -> int | None:
        n = bisect_right(self._first, address) - 1
        if n < 0 or address - self._first[n] >= 1 << (self._bits - self._length[n]):
            return None
        return self._value[n]


@cache
def built_in() -> Countries:
    """The countries, read once in a process: 0.2 s."""
    countries = Countries()
    _give_back_memory()
    return countries


def _read() -> tuple[list[str], Iterable[tuple[list[int], list[int], list[int]]]]:
    """The countries, "BD:Bangladesh", and networks in chunks: first addresses, countries, prefix lengths."""
    path = distribution("geoip2fast").locate_file(DATA)
    with gzip.open(str(path)) as file:
        _, _, _, (_, names, firsts, countries, lengths) = pickle.load(file)
    return names, zip(firsts, countries, lengths, strict=True)


def _country(listed: str) -> tuple[str, str] | None:
    """(code, name); None for the reserved networks, which the file lists beside the countries under numbers."""
    code, _, name = listed.partition(":")
    return None if code.isdigit() else (code, name)


def _give_back_memory() -> None:
    """Reading took 50 MB for a moment. The C library of Linux would keep 20 MB of it to itself if it were not asked."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
