"""Where people are, as dots: one for each division of Bangladesh and one for each country of the world.

Positions are made by tools/assets/maps.mjs; without them there is the list of places alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from math import sqrt
from typing import Any, NamedTuple

from koyjabo.network import place_names
from koyjabo.webkit.assets.static_files import FOLDER

LEAST = 3
"""The fewest people of a dot (specification: The web app)."""

LARGEST, SMALLEST = 34, 8
"""The radius of dots; their area is that of the number. home/people.js draws the same."""


class PlaceDot(NamedTuple):
    key: str  # the name of the division, or the code of the country
    x: int
    y: int
    people: int
    radius: float  # 0 for too few people


class PeopleMap(NamedTuple):
    divisions: list[PlaceDot]  # all of them, by name
    countries: list[PlaceDot]  # those with enough people, the largest first


def people_map(places: Mapping[str, int]) -> PeopleMap | None:
    """The dots for the numbers of people by place, as stats have them. None without positions."""
    positions = _positions()
    if positions is None:
        return None
    by_division = Counter(dict.fromkeys(range(len(positions["divisions"])), 0))
    by_country: Counter[str] = Counter()
    for place, people in places.items():
        code = place_names.country_of(place)
        by_country[code or ""] += people
        number = positions["cities"].get(place_names.city_of_bangladesh(place))
        if number is not None:
            by_division[number] += people
    divisions = {name: (x, y, by_division[number]) for number, (name, x, y) in enumerate(positions["divisions"])}
    countries = {
        code: (*positions["countries"][code], people)
        for code, people in by_country.most_common()
        if people >= LEAST and code in positions["countries"]
    }
    return PeopleMap(_dots(divisions), _dots(countries))


def _dots(people: Mapping[str, tuple[int, int, int]]) -> list[PlaceDot]:
    most = max((each for _, _, each in people.values()), default=0)
    return [PlaceDot(key, x, y, each, _radius(each, most)) for key, (x, y, each) in people.items()]


def _radius(people: int, most: int) -> float:
    return round(max(LARGEST * sqrt(people / most), SMALLEST), 1) if people >= LEAST else 0


@lru_cache
def _positions() -> dict[str, Any] | None:
    file = FOLDER / "vendor" / "dots.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else None
