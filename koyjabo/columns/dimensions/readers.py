"""Reads dimensions from columns of a visit: one reader for all dimensions that are parsed from the same columns
(specification: Reports). Does no I/O: the same columns always give the same values.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.network import location_names, user_agents
from koyjabo.base.network.campaigns import Campaign
from .dimensions import BOT, CITY_NAME, COUNTRY, SOURCE, UTM, Value
from .sources import Sources

READERS_VERSION = 7
"""The version of the readers' code. Increment it if a reader gives visits other values: all visits are read again then,
and also if a dimension, a reader or a reader's columns are added or removed.
"""


MAX_KEPT_TEXTS = 4096
"""Maximum number of texts whose values a reader keeps in memory."""


TIME_READERS: Mapping[str, tuple[str, Callable[[Any, Clock], str]]] = {
    "weekday": ("day", lambda day, _clock: str(date.fromisoformat(day).isoweekday())),
    "hour": ("hour_s", lambda hour_s, clock: str(int(clock.local(hour_s)[11:13]))),
}
"""Dimensions whose values follow from the day or the hour that a visit counts for, so that blocks need not store them.
When clocks are put back, two hours have the same value.
"""


class Reader(NamedTuple):
    """Reads the values of `dimensions` from `columns` of a visit. `read` gets the columns, and before them the site's
    Sources if it `has_sources`. It returns one value per dimension, None if not recorded.
    """

    dimensions: tuple[str, ...]
    columns: tuple[str, ...]
    read: Callable[..., tuple[Value, ...]]
    has_sources: bool = False


@lru_cache(maxsize=MAX_KEPT_TEXTS)
def agent(user_agent: str | None, is_bot: bool) -> tuple[Value, ...]:
    name, system, device = user_agents.parsed(user_agent or "")
    return name or None, system or None, BOT if is_bot else device or None


def source(sources: Sources, referrer: str | None, campaign: str | None) -> tuple[Value, ...]:
    return sources.of_visit(referrer, campaign)


@lru_cache(maxsize=MAX_KEPT_TEXTS)
def campaign(text: str | None) -> Campaign:
    return Campaign.read(text)


@lru_cache(maxsize=MAX_KEPT_TEXTS)
def place(text: str) -> tuple[Value, ...]:
    country = location_names.country_of(text)
    return country, text if country and text not in location_names.CODES_BY_COUNTRY else None


READERS = (
    Reader(("browser", "system", "device"), ("user_agent", "is_bot"), agent),
    Reader((SOURCE, "channel"), ("referrer", "campaign"), source, has_sources=True),
    Reader(UTM, ("campaign",), campaign),
    Reader((COUNTRY, CITY_NAME), ("place",), place),
)

TRAITS = tuple(name for reader in READERS for name in reader.dimensions)
"""The dimensions that are parsed, in the order of a visit's parsed values."""

PARSED_COLUMNS = tuple(dict.fromkeys(column for reader in READERS for column in reader.columns))
