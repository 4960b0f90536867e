"""The rows of exported visits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from koyjabo.core import spreadsheet
from koyjabo.core.clock import iso
from koyjabo.reports.log.trait_parser import TraitParser, VisitRow
from koyjabo.reports.query.dimensions import UTM
from koyjabo.visit_log.queries import OTHERS, LoggedVisit

PARSED = ("browser", "system", "device", "language", "source", "channel", *UTM)
"""Columns with values that reports parse from a visit."""

LEFT_OUT = ("id", "ordinal", "at_ms", "others", "campaign", *PARSED)
STORED = tuple(name for name in (*LoggedVisit._fields, *OTHERS) if name not in LEFT_OUT)
COLUMNS = ("ordinal", "at", *STORED, "opened", *PARSED)


def text(kind: str, visits: Iterable[LoggedVisit], parser: TraitParser) -> str:
    """Return one line per visit."""
    return spreadsheet.lines(kind, (_row(visit, parser) for visit in visits))


def _row(visit: LoggedVisit, parser: TraitParser) -> dict[str, Any]:
    stored = {**dict.fromkeys(OTHERS), **visit._asdict(), **visit.others}
    traits = parser.parse(VisitRow._make(stored[name] for name in VisitRow._fields))._asdict()
    opened = None if visit.opened_ms is None else iso(visit.opened_ms)
    values = {**stored, **traits, "at": iso(visit.at_ms), "opened": opened}
    return {name: values[name] for name in COLUMNS}
