"""Fold visits into sums: what they add up to stays, their rows go, in one transaction.

Rows that are left and `folded_visits` together make the counters and rollups (`recount`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from koyjabo.visit_log import import_queries, queries

FOLD_LOCK = 0x6B6F7966  # "koyf", one of PostgreSQL's advisory locks

# By scope, day and hour. A visit is its visitor's first for the site, for its community, for both, or for neither.
SUMS = """
SELECT 'site' AS scope, v.day, v.hour_s, count(*) AS visits, count(w.first_visit) AS new_visitors FROM visits v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id AND w.first_visit = v.id
WHERE {which} GROUP BY v.day, v.hour_s
UNION ALL
SELECT v.scope, v.day, v.hour_s, count(*), count(w.first_visit) FROM visits v
LEFT JOIN visitors w ON w.scope = v.scope AND w.visitor_id = v.visitor_id AND w.first_visit = v.id
WHERE {which} AND v.scope <> 'site' GROUP BY v.scope, v.day, v.hour_s
"""
FOLD = f"""
INSERT INTO folded_visits (scope, day, hour_s, visits, new_visitors) {SUMS}
ON CONFLICT (scope, day, hour_s) DO UPDATE
SET visits = folded_visits.visits + excluded.visits,
    new_visitors = folded_visits.new_visitors + excluded.new_visitors
"""
REMOVE = "DELETE FROM visits AS v WHERE {which}"
OLD = "v.id > :after AND v.id <= :upto AND v.day < :first_kept"
THESE = "v.id IN :ids"

UPTO = text(
    "SELECT max(id) FROM (SELECT id FROM visits WHERE id > :after AND id <= :last ORDER BY id LIMIT :size) AS x"
)
OLD_ONES = text("SELECT count(*) FROM visits AS v WHERE v.id > :after AND v.id <= :last AND v.day < :first_kept")
LOCK = text(f"SELECT pg_advisory_xact_lock({FOLD_LOCK})")

# Written first, since whoever folds may be killed: of days before it all may be folded, or a part.
UP_TO = text("SELECT day FROM nightly_work WHERE name = 'folded'")
NOTE_UP_TO = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('folded', :day, '', 0)
ON CONFLICT (name) DO UPDATE SET day = excluded.day
""")


class Piece(NamedTuple):
    """What came of a piece of the ledger: how many rows were folded, and the last id that was looked at."""

    folded: int
    reached: int


def stretch_before(session: Session, moment_ms: int) -> tuple[int, int]:
    """Where visits from before a moment are: ids over the first of these two, up to the second."""
    found = queries.search(session, queries.Wanted(ended_ms=moment_ms))
    return found.after, found.upto


def old_ones(session: Session, first_kept: str, after: int, last: int) -> int:
    """How many visits with these ids are of days before `first_kept`."""
    return session.execute(OLD_ONES, {"after": after, "last": last, "first_kept": first_kept}).scalar_one()


def fold_old(session: Session, first_kept: str, after: int, last: int, size: int) -> Piece:
    """Fold those of the next `size` rows with these ids that are of days before `first_kept`. Raises ImportUnderWay."""
    lock(session)
    import_queries.exclude_imports(session)
    if (session.execute(UP_TO).scalar() or "") < first_kept:
        session.execute(NOTE_UP_TO, {"day": first_kept})
    upto = session.execute(UPTO, {"after": after, "last": last, "size": size}).scalar_one()
    if upto is None:
        return Piece(0, last)
    return Piece(_fold(session, OLD, {"after": after, "upto": upto, "first_kept": first_kept}), upto)


def fold_these(session: Session, ids: list[int]) -> None:
    """Fold these visits; the caller holds the `lock`."""
    if ids:
        _fold(session, THESE, {"ids": ids})


def lock(session: Session) -> None:
    """One at a time folds: what is counted and what is removed must be the same. SQLite has one writer anyway."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(LOCK)


def _fold(session: Session, which: str, parameters: dict[str, Any]) -> int:
    for statement in (FOLD, REMOVE):
        made = text(statement.format(which=which))
        if "ids" in parameters:
            made = made.bindparams(bindparam("ids", expanding=True))
        result = session.execute(made, parameters)
    return result.rowcount  # type: ignore[attr-defined]
