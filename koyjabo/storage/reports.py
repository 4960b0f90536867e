"""Look up who came to a community, out of the rollups."""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.models import Scope

# However many periods there are, the rows are read once, and in order: SQLite is told to begin with the periods.
PEOPLE_IN = """
SELECT t.first, coalesce(sum(r.authenticated), 0), coalesce(sum(r.anonymous), 0)
FROM {periods} {join} returns r
ON r.scope = :scope AND r.day >= t.first AND r.day <= t.last AND r.previous_day < t.first
GROUP BY t.first
"""
SQLITE = "(SELECT value ->> 0 AS first, value ->> 1 AS last FROM json_each(:periods)) t"
POSTGRES = "(SELECT p->>0 AS first, p->>1 AS last FROM json_array_elements(CAST(:periods AS json)) p) t"
HOURS = text("""
SELECT hour_s, authenticated, anonymous FROM hourly_people
WHERE scope = :scope AND hour_s >= :first_s AND hour_s <= :last_s ORDER BY hour_s
""")
STAMP = text("SELECT epoch, revision FROM counters WHERE scope = :scope")

PEOPLE_IN_PERIODS = {
    "sqlite": text(PEOPLE_IN.format(periods=SQLITE, join="CROSS JOIN")),
    "postgresql": text(PEOPLE_IN.format(periods=POSTGRES, join="JOIN")),
}

Period = tuple[str, str]
"""(first day, last day), both of them in it"""


class People(NamedTuple):
    """How many different people came: users, and visitors who are none."""

    authenticated: int = 0
    anonymous: int = 0


def people_in(session: Session, scope: Scope, periods: list[Period]) -> list[People]:
    """Different people of each period. Reads the rollups of its days, not the people."""
    statement = PEOPLE_IN_PERIODS[session.get_bind().dialect.name]
    rows = session.execute(statement, {"scope": scope, "periods": json.dumps(periods)})
    found = {first: People(int(authenticated), int(anonymous)) for first, authenticated, anonymous in rows}
    return [found.get(first, People()) for first, _ in periods]


def people_by_hour(session: Session, scope: Scope, first_s: int, last_s: int) -> dict[int, People]:
    """Different people of each hour that begins from `first_s` to `last_s` and had any."""
    rows = session.execute(HOURS, {"scope": scope, "first_s": first_s, "last_s": last_s})
    return {hour_s: People(authenticated, anonymous) for hour_s, authenticated, anonymous in rows}


def stamp(session: Session, scope: Scope) -> tuple[int, int] | None:
    """What changes whenever somebody comes or turns out to be somebody; None when there is no such scope."""
    found = session.execute(STAMP, {"scope": scope}).first()
    return (found.epoch, found.revision) if found else None
