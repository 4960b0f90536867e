"""The dots of the map of Bangladesh."""

import json
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

from koyjabo.base.network import location_names
from koyjabo.web.assets.static_files import STATIC_FOLDER
from .breakdowns import Line, Values

LARGEST_DOT, SMALLEST_DOT = 28, 4
"""Radius of the dots, relative to a map of size 500. A dot's area is proportional to its number."""


class Dot(NamedTuple):
    x: int
    y: int
    radius: float
    line: Line


def dots(values: Values) -> list[Dot]:
    """Return the dots of a map of Bangladesh, largest first, so that smaller ones are drawn on top."""
    cities = ((line, location_names.city_of_bangladesh(line.value or "")) for line in values.lines)
    placed = ((line, _positions().get(city or "")) for line, city in cities)
    return [
        Dot(*position, round(max(LARGEST_DOT * sqrt(line.number / values.largest), SMALLEST_DOT), 1), line)
        for line, position in placed
        if position and line.number
    ]


@lru_cache
def _positions() -> dict[str, tuple[int, int]]:
    """Read the positions of cities, which tools/assets/maps.mjs generates. Without them, only the list is shown."""
    file = STATIC_FOLDER / "vendor" / "bangladesh.json"
    positions = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return {name.lower(): (x, y) for name, (x, y) in positions.items()}
