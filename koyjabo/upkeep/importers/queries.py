"""Queries for imports: uploaded files, and daily visits that are added to the total.

Each day of daily visits makes an adjustment, and a row in `imported_days` that marks the day as imported. A later
export from the same site repeats earlier days, and the last of them may have grown. Each day is added only once, and so
is its growth.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import case, delete, insert, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core.errors import Unusable
from koyjabo.base.database.rows import changed_rows, lock_limit
from koyjabo.base.jobs import job_queries
from koyjabo.base.models import FileImport, ImportedDay
from koyjabo.upkeep.recounts.recount_queries import Totals, add_to_total

CHECKING, CHECKED, IMPORTING = "checking", "checked", "importing"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
IMPORT, CANCEL = "import", "cancel"

SILENT_MS = 30_000
"""If a row is not renewed for this long, ms, its worker and file are considered gone."""

KEPT = 20
"""Number of rows to keep."""

UNLESS_CANCELLED = case((FileImport.asked == CANCEL, CANCEL), else_="")
"""Value of `asked` when the import begins. Keeps a cancellation that arrived at the same time."""


def newest(session: Session) -> FileImport | None:
    return next(iter(job_queries.newest(session, FileImport, 1)), None)


def begin(session: Session, new: FileImport, now_ms: int) -> FileImport | None:
    """Begin a check. Returns None while another file is in progress."""
    lock_limit(session, FileImport)
    last = newest(session)
    if last is not None and last.ended_ms is None and not job_queries.is_dead(last, now_ms, SILENT_MS):
        return None
    new.state, new.asked = CHECKING, ""
    row = job_queries.add(session, new, now_ms)
    session.execute(delete(FileImport).where(FileImport.id <= row.id - KEPT))
    return row


def touch(session: Session, id: int) -> None:
    """Write the row without changing it, to test whether the database accepts writes."""
    session.execute(update(FileImport).where(FileImport.id == id).values(asked=FileImport.asked))


def ask(session: Session, id: int, what: str, states: tuple[str, ...]) -> bool:
    """Store a request for the worker. Returns False if the import is in none of these states or was cancelled."""
    waits = (FileImport.state.in_(states), FileImport.ended_ms.is_(None), FileImport.asked != CANCEL)
    return changed_rows(session, update(FileImport).where(FileImport.id == id, *waits).values(asked=what)) == 1


Days = Mapping[str, int]
"""Visits by day, YYYY-MM-DD."""

TOLERATED_DAYS = 3
"""Number of days whose visits may be equal on two sites by chance. Also the number of days that may differ between two
exports from one site, because the latest days are incomplete.
"""


class Difference(NamedTuple):
    more: dict[str, int]  # new visits by day
    same: int  # days that were added before and have not changed
    grown: int
    fewer: list[str]

    @property
    def known(self) -> int:
        return self.same + self.grown + len(self.fewer)


def difference(days: Days, known: Days) -> Difference:
    more = {day: visits - known.get(day, 0) for day, visits in sorted(days.items()) if visits > known.get(day, 0)}
    again = [day for day in days if day in known]
    return Difference(
        more=more,
        same=sum(days[day] == known[day] for day in again),
        grown=sum(days[day] > known[day] for day in again),
        fewer=sorted(day for day in again if days[day] < known[day]),
    )


def require_same_site(days: Days, source: str, taken: Mapping[str, Days]) -> None:
    """Raise Unusable if the days show that the file is not from the site `source`."""
    own = difference(days, taken.get(source, {}))
    if own.known - own.same > max(TOLERATED_DAYS, own.same):
        raise Unusable(
            f"Of {own.known:,} days that were imported before, only {own.same:,} have the same number of visits in "
            "this file, so it seems to be from another site. Nothing was imported. Name the site with --site NAME."
        )
    for other, known in taken.items():
        shared = difference(days, known)
        if other != source and shared.same > max(TOLERATED_DAYS, shared.known - shared.same):
            program, _, site = other.partition(":")
            options = f"--program {program} --site {site}" if site else f"--program {program}, without --site,"
            raise Unusable(
                f"{shared.same:,} days in this file were already imported with the same numbers of visits "
                f"({options}). Nothing was imported. Use the same --site as before, or none if there was none."
            )


def taken(session: Session, program: str) -> dict[str, dict[str, int]]:
    """The daily visits that were added before, by source. A source is the program, followed by a colon and the site if
    one was named.
    """
    rows = select(ImportedDay.source, ImportedDay.day, ImportedDay.visits).where(
        (ImportedDay.source == program) | ImportedDay.source.startswith(f"{program}:", autoescape=True)
    )
    by_source: dict[str, dict[str, int]] = {}
    for source, day, visits in session.execute(rows):
        by_source.setdefault(source, {})[day] = visits
    return by_source


def add(session: Session, source: str, days: Days, more: Days, reason: str, now_ms: int) -> Totals:
    """Add the daily visits in `more` (at least one visit) to a source's visits, which become `days`, in the session's
    transaction.
    """
    totals = add_to_total(session, [(visits, f"{reason}, {day}") for day, visits in more.items()], now_ms)
    session.execute(delete(ImportedDay).where(ImportedDay.source == source, ImportedDay.day.in_(more)))
    session.execute(insert(ImportedDay), [{"source": source, "day": day, "visits": days[day]} for day in more])
    return totals
