"""The visits of the last minutes, for a server that has just begun and does not know who is active."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from koyjabo.errors import LedgerUnavailable
from koyjabo.models import SITE, Scope, Visit

MOST_ROWS = 200_000
"""More visits in one window than a small machine registers; what is before them is not looked at."""


class Recent(NamedTuple):
    scope: Scope
    visitor_id: str
    place: str
    at_ms: int


def recent_visits(engine: Engine, since_ms: int) -> list[Recent]:
    """The visits after `since_ms`, the oldest first. Read from the newest row backwards, and no further than needed.

    Raises LedgerUnavailable.
    """
    newest_first = select(Visit.scope, Visit.visitor_id, Visit.place, Visit.at_ms).order_by(Visit.id.desc())
    found: list[Recent] = []
    try:
        with engine.connect() as connection:
            rows = connection.execution_options(snapshot=True, yield_per=1000).execute(newest_first.limit(MOST_ROWS))
            for row in rows:
                if row.at_ms <= since_ms:
                    break
                for scope in {SITE, Scope(row.scope)}:  # a community's visit counts for the site, too
                    found.append(Recent(scope, row.visitor_id, row.place, row.at_ms))
    except (OperationalError, sqlite3.OperationalError) as error:
        raise LedgerUnavailable from error
    return found[::-1]
