"""Records of databases of places."""

from __future__ import annotations

from typing import Any


def flat(city: str, country: str = "BD") -> dict[str, Any]:
    """A record as ip-location-db writes it."""
    return {"city": city, "country_code": country, "state1": "Dhaka Division", "latitude": 23.78, "timezone": ""}
