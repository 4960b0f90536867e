"""Putting right what does not agree with the ledger. Needs an application context."""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.audit import log, queries
from koyjabo.audit.log import Target
from koyjabo.clock import Clock
from koyjabo.database import engine
from koyjabo.database.exclusive import alone
from koyjabo.maintenance import repair_queries
from koyjabo.maintenance.recount import MOST_PROBLEMS, recounting
from koyjabo.maintenance.recount_queries import recount, rows_to_count
from koyjabo.runtime import ReportProgress

LEDGER = Target("ledger", "", "")


class Repaired(NamedTuple):
    """A sentence for each difference: those that are gone, and those that are left."""

    repaired: list[str]
    left: list[str]


def repair(clock: Clock, progress: ReportProgress) -> Repaired:
    """Recount, and where that finds something, put it right and recount again, in one transaction: writers wait for it.

    Nobody waits where all agrees. Where a total falls a new epoch begins, so that pages accept it. Raises
    LedgerUnavailable.
    """
    with engine.reached():
        with recounting() as found, progress(found.rows, "Recounting") as advance:
            before = found.run(advance)
        return _repair(clock, progress) if before else Repaired([], [])


def _repair(clock: Clock, progress: ReportProgress) -> Repaired:
    with alone() as connection:
        rows = rows_to_count(connection)
        with progress(3 * rows, "Repairing") as advance:
            before = recount(connection, advance)
            repair_queries.repair(connection, clock, advance, "koyjabo verify --repair")
            left = recount(connection, advance)
        repaired = [each for each in before if each not in left]
        if repaired:
            details = {"problems": repaired[:MOST_PROBLEMS], "problem_count": len(repaired), "left": len(left)}
            queries.write(connection, log.author(None, clock).did("ledger.repair", LEDGER, **details))
    return Repaired(repaired, left)
