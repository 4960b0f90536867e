"""Repairs derived tables that do not agree with the ledger. Needs an application context."""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.audit import log
from koyjabo.core.clock import Clock
from koyjabo.core.identity import OPERATOR
from koyjabo.core.runtime import ReportProgress
from koyjabo.database import engine
from koyjabo.database.engine import exclusive_transaction
from koyjabo.maintenance import repair_queries
from koyjabo.maintenance.recount_job import LEDGER, MOST_PROBLEMS, Recounts
from koyjabo.maintenance.recount_queries import newest_id, recount

REASON = "koyjabo verify --repair"


class Repaired(NamedTuple):
    """One sentence for each problem that was repaired, and for each that is left."""

    repaired: list[str]
    left: list[str]


def repair(recounts: Recounts, clock: Clock, progress: ReportProgress) -> Repaired:
    """Recount, and if there are problems, repair them and recount again, in one transaction for which writers wait.

    Without problems, no writer waits. If a total falls, a new epoch begins, so that pages accept it. Raises
    LedgerUnavailable and UnusableDatabase.
    """
    with engine.translated_errors():
        return _repair(clock, progress) if recounts.run(progress).problems else Repaired([], [])


def _repair(clock: Clock, progress: ReportProgress) -> Repaired:
    with exclusive_transaction() as connection:
        with progress(3 * newest_id(connection, "visits"), "Repairing") as advance:
            before = repair_queries.repair(connection, clock, advance, REASON)
            left = recount(connection, advance).problems
        repaired = [each for each in before if each not in left]
        if repaired:
            details = {"problems": repaired[:MOST_PROBLEMS], "problem_count": len(repaired), "left": len(left)}
            log.actor(OPERATOR, clock).entry("ledger.repair", LEDGER, **details).store(connection)
    return Repaired(repaired, left)
