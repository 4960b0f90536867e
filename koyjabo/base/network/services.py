"""The services that locate clients, look up who owns an address, and check origins."""

from dataclasses import dataclass

from koyjabo.base.network.address_owners import AddressOwners
from koyjabo.base.network.geolocation import LocationFinder
from koyjabo.base.network.origins import Origins


@dataclass(frozen=True, slots=True)
class NetworkServices:
    places: LocationFinder
    owners: AddressOwners
    origins: Origins
