"""Fold visits: add them to the sums in `folded_visits` and delete their rows, in one transaction.

The counters and rollups are the sum of `folded_visits` and the rows that are left (`recount`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from koyjabo.counting.id_range_queries import id_range
from koyjabo.database.json_rows import adding
from koyjabo.database.rows import changed_rows
from koyjabo.models import FoldedVisits
from koyjabo.reports.projection import folding_queries, state_queries
from koyjabo.visit_log import import_queries

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
FOLD = f"INSERT INTO folded_visits (scope, day, hour_s, visits, new_visitors) {SUMS} {adding(FoldedVisits)}"
REMOVE = "DELETE FROM visits AS v WHERE {which}"


OLD = "v.id > :after AND v.id <= :upto AND v.day < :first_kept"
FOLD_OLD = tuple(text(statement.format(which=OLD)) for statement in (FOLD, REMOVE))

NEXT_UPTO = text(
    "SELECT max(id) FROM (SELECT id FROM visits WHERE id > :after AND id <= :last ORDER BY id LIMIT :size) AS x"
)
COUNT_OLD = text("SELECT count(*) FROM visits AS v WHERE v.id > :after AND v.id <= :last AND v.day < :first_kept")

# Before the first visit is folded, since the process may be killed.
SET_FOLDED_BEFORE = text("""
INSERT INTO nightly_work (name, day, worker, seen_ms) VALUES ('folded', :day, '', 0)
ON CONFLICT (name) DO UPDATE SET day = excluded.day
""")


class FoldedPiece(NamedTuple):
    """How many rows were folded, and the last id that was read."""

    folded: int
    reached: int


def ids_before(session: Session, moment_ms: int) -> tuple[int, int]:
    """The ids of visits before a moment, ms: over the first of the two returned, up to the second."""
    return id_range(session, None, moment_ms)


def count_old(session: Session, first_kept: str, after: int, last: int) -> int:
    """The number of visits of days before `first_kept`, with ids over `after` and up to `last`."""
    return int(session.execute(COUNT_OLD, {"after": after, "last": last, "first_kept": first_kept}).scalar_one())


def begin(session: Session, first_kept: str, after: int, last: int) -> None:
    """Before the first visit is folded: from now on, the sums of these days cannot tell visitors apart.

    Raises NotProjected and ImportUnderWay.
    """
    folding_queries.lock(session)
    import_queries.exclude_imports(session)
    folding_queries.require_read(session, last)
    if folding_queries.folded_before(session) < first_kept:
        session.execute(SET_FOLDED_BEFORE, {"day": first_kept})
        state_queries.changed(session)


def fold_old(session: Session, first_kept: str, after: int, last: int, size: int) -> FoldedPiece:
    """Fold the visits of days before `first_kept` among the next `size` rows, with ids over `after` and up to `last`,
    after `begin`.

    Raises NotProjected, while they are read again, and ImportUnderWay.
    """
    folding_queries.lock(session)
    import_queries.exclude_imports(session)
    folding_queries.require_read(session, last)
    upto = session.execute(NEXT_UPTO, {"after": after, "last": last, "size": size}).scalar_one()
    if upto is None:
        return FoldedPiece(0, last)
    folding_queries.remove_facts(session, first_kept, after, upto)
    return FoldedPiece(_fold(session, FOLD_OLD, {"after": after, "upto": upto, "first_kept": first_kept}), upto)


def _fold(session: Session, statements: tuple[TextClause, ...], parameters: dict[str, Any]) -> int:
    fold, remove = statements
    session.execute(fold, parameters)
    return changed_rows(session, remove, parameters)
