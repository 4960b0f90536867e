"""Counts page views and events. An event counts on the day it happened if its visit passes the filters."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from functools import lru_cache
from typing import Any

from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.dimensions.dimensions import EVENT_DIMENSION, VIEWED_PAGE, Value, property_of
from koyjabo.columns.query.groups import VALUE
from koyjabo.columns.query.periods import DAY, MINUTE
from koyjabo.counting.models import PAGEVIEW
from .row_names import minutes_of


def counted(rows: Rows, dimension: str) -> tuple[Rows, str, Sequence[Value]]:
    """Return a dimension's events (including events without a value), the column with the values, and the value that
    each number in this column means.
    """
    events, values = copy(rows), rows.block.values
    if dimension in (EVENT_DIMENSION, VIEWED_PAGE):
        column = "page" if dimension == VIEWED_PAGE else "name"
        events.check("name", [(name == PAGEVIEW) == (column == "page") for name in values["name"]])
        return events, column, values[column]
    event, property_ = property_of(dimension)
    events.check("name", [name == event for name in values["name"]])
    return events, "props", [properties_of(text).get(property_) for text in values["props"]]


@lru_cache(maxsize=16_384)
def properties_of(text: str | None) -> Mapping[str, str]:
    props: dict[str, str] = json.loads(text or "{}")
    return props


def drop_largest(kept: dict[Any, Any], sizes: Mapping[Any, int], most: int) -> None:
    """Remove entries until their total size is at most `most`. The scope that uses the most loses its oldest entry each
    time, so that no scope displaces others. Keys begin with their scope.
    """
    of_scopes = Counter[str]()
    for key, size in sizes.items():
        of_scopes[key[0]] += size
    while of_scopes.total() > most:
        ((scope, _),) = of_scopes.most_common(1)
        key = next(key for key in kept if key[0] == scope)
        of_scopes[scope] -= sizes[key]
        del kept[key]


class CountedEvents(Counter[Any]):
    """The number of a dimension's events by DAY, by the start of the hour or minute in s, or by VALUE."""

    def __init__(self, key: tuple[str, str]) -> None:
        super().__init__()
        self._dimension, self._part = key

    def add(self, rows: Rows) -> None:
        values: Sequence[Any]
        events, column, values = counted(rows, self._dimension)
        numbers: Sequence[int]
        if self._part == MINUTE:
            numbers, values = minutes_of(events)
        else:
            if self._part != VALUE:
                column = "day" if self._part == DAY else "hour_s"
                values = events.block.values[column]
            numbers = events.column(column)
        for number, count in Counter(numbers).items():
            self[values[number]] += count

    @property
    def size(self) -> int:
        """Approximate bytes in memory."""
        return 200 * len(self)
