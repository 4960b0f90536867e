"""The names that rows are counted by: of a dimension's value, or of a period."""

from collections.abc import Sequence
from typing import Any

from koyjabo.base.core.clock import MINUTE_MS, Clock
from koyjabo.base.models import SITE
from koyjabo.columns.blocks.block import Block
from koyjabo.columns.blocks.rows import Rows
from koyjabo.columns.dimensions.dimensions import COMMUNITY, HOUR_OF_DAY, WEEKDAY
from koyjabo.columns.dimensions.readers import TIME_READERS, TRAITS
from koyjabo.columns.query.groups import EVERYTHING, LENGTHS
from koyjabo.columns.query.periods import DAY, HOUR, MONTH, PERIOD_KEYS, WEEK, period_of
from koyjabo.counting.evidence.facts import FACT_VALUES
from koyjabo.counting.models import IN_COMMUNITY, ON_SITE


def are_new(scope: str) -> Sequence[bool]:
    """Return, for each value of `new_in`, whether the visit is its visitor's first in the scope."""
    bit = ON_SITE if scope == SITE else IN_COMMUNITY
    return [bool(new_in & bit) for new_in in range(4)]


def names_of(block: Block, key: str, clock: Clock) -> tuple[str, Sequence[Any]]:
    """Return the column for a key, and the name that each number in this column means."""
    values = block.values
    if key in (EVERYTHING, LENGTHS):
        return "new_in", (None,) * 4
    if key in TRAITS:
        at = TRAITS.index(key)
        return "traits", [traits[at] for traits in values["traits"]]
    if key in FACT_VALUES:
        return "facts", FACT_VALUES[key]
    if key == COMMUNITY:
        return "scope", [None if scope == SITE else scope for scope in values["scope"]]
    if key in TIME_READERS:
        column, read = TIME_READERS[key]
        return column, [read(value, clock) for value in values[column]]
    for granularity in (DAY, WEEK, MONTH):
        if key == PERIOD_KEYS[granularity]:
            return "day", [period_of(day, granularity) for day in values["day"]]
    if key == PERIOD_KEYS[HOUR]:
        return "hour_s", list(map(clock.local, values["hour_s"]))
    return key, values[key]


def minutes_of(rows: Rows) -> tuple[list[int], list[int]]:
    """Return the number of each row's minute, and the starts of the minutes, in s."""
    minutes = [at_ms // MINUTE_MS * 60 for at_ms in rows.column("at_ms")]
    numbers = {minute_s: number for number, minute_s in enumerate(dict.fromkeys(minutes))}
    return list(map(numbers.__getitem__, minutes)), list(numbers)


def weekdays_and_hours(rows: Rows, clock: Clock) -> tuple[list[int], list[tuple[str, str]]]:
    """Return the number of each row's weekday and hour, and the pairs."""
    read = [names_of(rows.block, dimension, clock) for dimension in (WEEKDAY, HOUR_OF_DAY)]
    pairs = list(zip(*(map(names.__getitem__, rows.column(column)) for column, names in read), strict=True))
    numbers = {pair: number for number, pair in enumerate(dict.fromkeys(pairs))}
    return list(map(numbers.__getitem__, pairs)), list(numbers)
