"""Facts that the server learns about a client: its address, origin, location and browser, whether it is a crawler, and
its rate limits.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

COMMANDS = {"geoip": "cli:geoip"}


def register(base: "Base") -> None:
    from .address_owners import AddressOwners
    from .location_finder import LocationFinder
    from .origins import Origins

    settings = base.settings
    base.services.add(LocationFinder(settings.geoip_files))
    base.services.add(AddressOwners(settings.asn_files, lambda: settings.own_networks))
    base.services.add(Origins(lambda: settings.origins, lambda: settings.public_url))
