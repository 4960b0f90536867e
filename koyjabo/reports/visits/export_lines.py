"""The columns and lines of an export of visits."""

from collections.abc import Iterable
from typing import Any

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.clock import Clock, iso
from koyjabo.base.core.urls import shown
from koyjabo.columns.dimensions.readers import TIME_READERS, TRAITS
from koyjabo.columns.dimensions.trait_parser import TraitParser
from .queries import STORED_COLUMNS, LoggedVisit

AGENT_TRAITS, PLACE_TRAITS = ("browser", "system", "device"), ("country", "city")

OTHER_TRAITS = (name for name in TRAITS if name not in (*AGENT_TRAITS, *PLACE_TRAITS))

TRAIT_COLUMNS = (*AGENT_TRAITS, "language", *OTHER_TRAITS)
"""Columns after those that are stored as they are; all but the language are parsed as for reports. A visit's location
is exported as it is stored.
"""

PARSED_EXPORT_COLUMNS = (
    *("id", "ordinal", "at_ms", "community_bn", "columns", "campaign", *TRAIT_COLUMNS),
    *("scope", "day", "hour_s", "visitor_number", "new_in"),
)
"""Columns that are not exported, or in another form."""

ALL_COLUMNS = dict.fromkeys((*LoggedVisit._fields, *STORED_COLUMNS))
UNCHANGED_COLUMNS = tuple(name for name in ALL_COLUMNS if name not in PARSED_EXPORT_COLUMNS)

EXPORT_COLUMNS = ("ordinal", "at", *UNCHANGED_COLUMNS, "opened", *TRAIT_COLUMNS, *TIME_READERS)


def export_lines(visits: Iterable[LoggedVisit], parser: TraitParser, clock: Clock) -> str:
    """Return one line per visit."""
    return spreadsheet.lines(_row(visit, parser, clock) for visit in visits)


def _row(visit: LoggedVisit, parser: TraitParser, clock: Clock) -> dict[str, Any]:
    traits = dict(zip(TRAITS, parser.of(visit.columns), strict=True))
    traits |= {name: read(visit.columns[column], clock) for name, (column, read) in TIME_READERS.items()}
    opened = None if visit.opened_ms is None else iso(visit.opened_ms)
    values = {**visit.columns, **visit._asdict(), **traits, "at": iso(visit.at_ms), "opened": opened}
    values |= {name: shown(values[name]) for name in ("page", "referrer") if values[name]}
    return {name: values[name] for name in EXPORT_COLUMNS}
