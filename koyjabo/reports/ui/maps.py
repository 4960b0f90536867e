"""The map of Bangladesh, with a dot per city.

tools/assets/maps.mjs generates the shape and the positions. Without them, only the list is shown.
"""

from __future__ import annotations

import json
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

from koyjabo.network import place_names
from koyjabo.reports.ui.breakdowns import Line, Values
from koyjabo.webkit.assets.static_files import FOLDER

LARGEST, SMALLEST = 28, 4
"""Radius of the dots, relative to a map of size 500. A dot's area is proportional to its number."""


class Dot(NamedTuple):
    x: int
    y: int
    radius: float
    line: Line


def dots(values: Values) -> list[Dot]:
    """Return the dots, largest first, so that smaller ones are drawn on top."""
    cities = ((line, place_names.city_of_bangladesh(line.value or "")) for line in values.lines)
    most, placed = _most(values), ((line, _positions().get(city or "")) for line, city in cities)
    return [
        Dot(*position, round(max(LARGEST * sqrt(line.number / most), SMALLEST), 1), line)
        for line, position in placed
        if position and line.number
    ]


def _most(values: Values) -> int:
    return max((line.number or 0 for line in values.lines), default=1) or 1


@lru_cache
def _positions() -> dict[str, tuple[int, int]]:
    file = FOLDER / "vendor" / "bangladesh.json"
    positions = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return {name.lower(): (x, y) for name, (x, y) in positions.items()}
