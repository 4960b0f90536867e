"""The range of ids that has the visits of some days.

Ids of folded visits are missing. The table `imported_visits` lists the ranges of imports, whose ids are not in the
order of time.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.database.rows import ids_between
from koyjabo.models import ImportedVisits, Visit

IMPORTS = select(ImportedVisits.__table__).order_by(ImportedVisits.after_visit)


def id_range(session: Session, began_ms: int | None, ended_ms: int | None) -> tuple[int, int]:
    """Ids over the first, up to the second. `ended_ms` is the end of the days; None means no limit."""
    after, upto = (session.scalar(select(func.min(Visit.id))) or 1) - 1, session.scalar(select(func.max(Visit.id))) or 0
    if began_ms is None and ended_ms is None:
        return after, upto
    ranges = [(low, high) for low, high in _ranges(session, began_ms, ended_ms, after, upto) if low < high]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else (upto, upto)


def _ranges(
    session: Session, began_ms: int | None, ended_ms: int | None, after: int, upto: int
) -> Iterator[tuple[int, int]]:
    """Yields whole imports whose times overlap the wanted ones, and the wanted parts of the ranges between them."""
    for imported in session.execute(IMPORTS):
        yield ids_between(session, Visit, began_ms, ended_ms, after, max(after, min(imported.after_visit, upto)))
        after = max(after, upto if imported.upto_visit is None else min(imported.upto_visit, upto))
        if imported.first_ms is None or (
            (ended_ms is None or imported.first_ms < ended_ms) and (began_ms is None or imported.last_ms >= began_ms)
        ):
            yield imported.after_visit, after
    yield ids_between(session, Visit, began_ms, ended_ms, after, upto)
