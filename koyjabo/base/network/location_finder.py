"""Finds the location of an address. No address is stored, written or logged (specification: Storage). A lookup takes
about 10 µs, so there is no cache, which would have to store addresses.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb

from .location_names import MAX_LOCATION_LENGTH, UNKNOWN_LOCATION, named
from .maxmind_file import NETWORK_DATA, MaxMindFile, lookup_key

COUNTRIES = NETWORK_DATA / "countries.mmdb"
"""Country codes by network, from DB-IP (CC BY 4.0). `make assets` downloads the file."""


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
        self.has_cities = any(file.has_cities for file in self._files)

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
            return UNKNOWN_LOCATION
        places = (_place(file.record(key), has_city) for file in self._databases)
        return next(filter(None, places), UNKNOWN_LOCATION)

    @cached_property
    def _databases(self) -> "list[MaxMindFile]":
        """The databases in search order. The first lookup opens the countries."""
        databases = list(self._files)
        with suppress(OSError, ValueError, maxminddb.InvalidDatabaseError):
            databases.append(MaxMindFile(COUNTRIES))
        return databases


def _place(record: Any, has_city: bool) -> str:
    code = _text(record, "country_code") or _text(record, "country", "iso_code")
    city = _without_district(_text(record, "city", "names", "en") or _text(record, "city"))
    return (named(code, city if has_city else "") or _text(record, "country", "names", "en"))[:MAX_LOCATION_LENGTH]


def _without_district(city: str) -> str:
    """Remove the district: DB-IP writes "Dhaka (Gulshan)", which is more precise than needed."""
    name, _, district = city.partition("(")
    return name.rstrip(" ") if district.rstrip(" ").endswith(")") else city


def _text(record: Any, *path: str) -> str:
    """The text at `path` as one line of printable characters; "" if there is none."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    text = record if isinstance(record, str) else ""
    if not text or text.isalnum():  # true for codes and most names
        return text
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
