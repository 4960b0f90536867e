"""Reads the visits of the last minutes, from which a starting server derives the active visitors."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.identity import DELETED
from koyjabo.models import SITE, Scope, Visit

MOST_ROWS = 200_000
"""The most rows read: more than a small machine registers in one window."""


class Recent(NamedTuple):
    scope: Scope
    visitor_id: str
    place: str
    at_ms: int


def recent_visits(engine: Engine, since_ms: int) -> list[Recent]:
    """The visits after `since_ms`, oldest first, without those of forgotten visitors. Reads backwards from the newest
    row and stops at `since_ms`.

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
                if row.visitor_id.startswith(DELETED):
                    continue
                for scope in {SITE, Scope(row.scope)}:  # a community's visit counts for the site, too
                    found.append(Recent(scope, row.visitor_id, row.place, row.at_ms))
    except (OperationalError, sqlite3.OperationalError) as error:
        raise LedgerUnavailable from error
    return found[::-1]
