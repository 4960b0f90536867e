"""The services that locate clients, look up who owns an address, and check origins."""

from dataclasses import dataclass

from .address_owners import AddressOwners
from .location_finder import LocationFinder
from .origins import Origins


@dataclass(frozen=True, slots=True)
class NetworkServices:
    places: LocationFinder
    owners: AddressOwners
    origins: Origins
