"""The services that locate clients and check origins."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.network.geolocation import PlaceFinder
from koyjabo.network.origins import Origins


@dataclass(frozen=True, slots=True)
class NetworkServices:
    places: PlaceFinder
    origins: Origins
