"""Finds the location of an address, and the locations with the most visitors. No address is stored, written or logged
(specification: Storage). A lookup takes about 10 µs, so there is no cache, which would have to store addresses.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from ipaddress import IPv6Address
from pathlib import Path
from socket import AF_INET, inet_pton
from typing import Any, NamedTuple

import maxminddb

DATA = Path(__file__).parent / "data"
COUNTRIES = DATA / "countries.mmdb"
"""Country codes by network, from DB-IP (CC BY 4.0). `make assets` downloads the file."""

NAMES: dict[str, str] = json.loads((DATA / "country_names.json").read_text("utf-8"))
"""English names by country code. They must never change: visits store the name of their location, and reports group by
it."""

UNKNOWN = "Unknown"
OTHER = "Other"
LONGEST = 60
"""Maximum length of a location's name, in characters. An event with 20 locations stays under 2 KB (specification: Real
time)."""

CODE = re.compile(r"[A-Z]{2}")


class Attribution(NamedTuple):
    """The notice that the data's licences require wherever locations are shown."""

    text: str
    url: str


DB_IP = Attribution("IP Geolocation by DB-IP", "https://db-ip.com")
MAXMIND = Attribution("This product includes GeoLite2 data created by MaxMind", "https://www.maxmind.com")


class LocationFinder:
    """Finds the location of an address. Searches `files` in order, then the countries.

    `files` are MaxMind databases of cities or countries (config: GEOIP_DATABASE), in the format of GeoIP2 or
    ip-location-db. They are memory-mapped, so all workers share the memory. Raises OSError, ValueError or
    maxminddb.InvalidDatabaseError if a file cannot be read.
    """

    def __init__(self, files: Iterable[Path] = ()) -> None:
        self._files = [MaxMindFile(file) for file in files]
        self.has_countries = COUNTRIES.is_file()

    @property
    def attributions(self) -> list[Attribution]:
        sources = []
        if self.has_countries or any(file.is_of_db_ip for file in self._files):
            sources.append(DB_IP)
        if any(file.is_of_maxmind for file in self._files):
            sources.append(MAXMIND)
        return sources

    def locate(self, address: str | None, has_city: bool = True) -> str:
        """The location: "Dhaka, BD"; "Bangladesh" if the city is unknown or `has_city` is false; or "Unknown". Never
        raises."""
        key = lookup_key(address)
        if key is None:
            return UNKNOWN
        places = (_place(file.record(key), has_city) for file in self._databases)
        return next(filter(None, places), UNKNOWN)

    @cached_property
    def _databases(self) -> list[MaxMindFile]:
        """The databases in search order. The first lookup opens the countries."""
        databases = list(self._files)
        with suppress(OSError, ValueError, maxminddb.InvalidDatabaseError):
            databases.append(MaxMindFile(COUNTRIES))
        return databases


class MaxMindFile:
    """A database in MaxMind's format. Raises the same errors as `LocationFinder`."""

    def __init__(self, file: Path) -> None:
        self._reader = maxminddb.open_database(file)  # maps the file without loading it
        metadata = self._reader.metadata()
        # Files from ip-location-db name their source only in the file name.
        description = f"{file.name} {metadata.database_type} {metadata.description}"
        source = description.lower().replace("-", "")
        self.is_of_db_ip, self.is_of_maxmind = "dbip" in source, "geolite" in source

    def record(self, key: str | IPv6Address) -> Any:
        """The record for a `lookup_key`; None if there is none, or if that part of the file is damaged."""
        try:
            return self._reader.get(key)
        except (maxminddb.InvalidDatabaseError, ValueError):  # also raised for IPv6 if the file has none
            return None


def lookup_key(address: str | None) -> str | IPv6Address | None:
    """An address in the form that databases look up; None if it is not an address. An IPv4 address stays a string,
    because parsing it takes longer than the lookup.
    """
    try:
        if address and ":" not in address:
            inet_pton(AF_INET, address)
            return address
        ip = IPv6Address(address or "")
    except (OSError, ValueError):
        return None
    return str(ip.ipv4_mapped) if ip.ipv4_mapped else ip


def _place(record: Any, has_city: bool) -> str:
    code = _text(record, "country_code") or _text(record, "country", "iso_code")
    city = _without_district(_text(record, "city", "names", "en") or _text(record, "city"))
    return (named(code, city if has_city else "") or _text(record, "country", "names", "en"))[:LONGEST]


def _without_district(city: str) -> str:
    """Remove the district: DB-IP writes "Dhaka (Gulshan)", which is more precise than needed."""
    name, _, district = city.partition("(")
    return name.rstrip(" ") if district.rstrip(" ").endswith(")") else city


def named(code: str, city: str) -> str:
    """The name: "Dhaka, BD", or "Bangladesh" without a city; "" for an unknown code."""
    if city and CODE.fullmatch(code):
        return f"{city[: LONGEST - len(', BD')]}, {code}"
    return NAMES.get(code, "")


def _text(record: Any, *path: str) -> str:
    """The text at `path` as one line of printable characters; "" if there is none."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    text = record if isinstance(record, str) else ""
    if not text or text.isalnum():  # true for codes and most names
        return text
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def largest(places: Mapping[str, int], most: int = 20) -> dict[str, int]:
    """The `most` largest locations, then all others as "Other", then "Unknown" (specification: Read the stats).
    Locations of equal size are sorted by name. The counts add up to the sum of `places`. "Other" and "Unknown" are
    left out if they are 0.
    """
    named = {place: count for place, count in places.items() if place not in (OTHER, UNKNOWN)}
    shown = dict(heapq.nsmallest(most, named.items(), key=lambda item: (-item[1], item[0])))
    other = places.get(OTHER, 0) + sum(named.values()) - sum(shown.values())
    last = {OTHER: other, UNKNOWN: places.get(UNKNOWN, 0)}
    return shown | {place: count for place, count in last.items() if count}
