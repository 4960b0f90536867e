"""Adds daily visits to the total: an adjustment for each day, and a row in `imported_days` that marks the day as
imported.

A later export from the same site repeats earlier days, and the last of them may have grown. Each day is added only
once, and so is its growth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.models import ImportedDay
from koyjabo.upkeep.recounts.total_queries import Totals, add_to_total

Days = Mapping[str, int]
"""Visits by day, YYYY-MM-DD."""

TOLERATED_DAYS = 3
"""Number of days whose visits may be equal on two sites by chance. Also the number of days that may differ between two
exports from one site, because the latest days are incomplete.
"""


class AnotherSite(KoyJaboError):
    """The days are not from the named site, or belong to another site."""


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
    """Raise AnotherSite if the days show that the file is not from the site `source`."""
    own = difference(days, taken.get(source, {}))
    if own.known - own.same > max(TOLERATED_DAYS, own.same):
        raise AnotherSite(
            f"Of {own.known:,} days that were imported before, only {own.same:,} have the same number of visits in "
            "this file, so it seems to be from another site. Nothing was imported. Name the site with --site NAME."
        )
    for other, known in taken.items():
        shared = difference(days, known)
        if other != source and shared.same > max(TOLERATED_DAYS, shared.known - shared.same):
            raise AnotherSite(
                f"{shared.same:,} days in this file were already imported with the same numbers of visits "
                f"({_site(other)}). Nothing was imported. Use the same --site as before, or none if there was none."
            )


def _site(source: str) -> str:
    program, _, site = source.partition(":")
    return f"--program {program} --site {site}" if site else f"--program {program}, without --site,"


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


def add(session: Session, source: str, more: Days, known: Days, reason: str, now_ms: int) -> Totals:
    """Add the daily visits in `more` (at least one visit) to a source's `known` visits, in the session's
    transaction.
    """
    totals = add_to_total(session, [(visits, f"{reason}, {day}") for day, visits in more.items()], now_ms)
    replaced = [{"source": source, "day": day, "visits": known.get(day, 0) + visits} for day, visits in more.items()]
    session.execute(delete(ImportedDay).where(ImportedDay.source == source, ImportedDay.day.in_(more)))
    session.execute(insert(ImportedDay), replaced)
    return totals
