"""The divisions of Bangladesh, by cities such as `Savar, BD`.

data/divisions.json has the seats of all districts in the spellings of databases of addresses, and larger towns. Names
that several divisions have are not in it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from koyjabo.network.place_names import city_key, city_of_bangladesh

FILE = Path(__file__).parent / "data" / "divisions.json"


def division_of(place: str) -> str | None:
    """`Dhaka` for `Savar, BD`; None for any other place."""
    city = city_of_bangladesh(place)
    return _by_city().get(city) if city else None


@lru_cache
def _by_city() -> dict[str, str]:
    found = json.loads(FILE.read_text("utf-8"))
    return {city_key(city): division for division, cities in found.items() for city in cities}
