"""What an operator does to the ledger by hand: count it again, and set its total."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from koyjabo.clock import Clock
from koyjabo.errors import KoyJaboError
from koyjabo.extensions import db
from koyjabo.storage import database
from koyjabo.storage.adjustments import adjust_total
from koyjabo.storage.recount import recount, rows_to_count


class TotalWouldFall(KoyJaboError):
    code = "total_would_fall"


@dataclass(frozen=True)
class Recount:
    """A recount about to be made: how many rows it has to read, and `run(progress)`, which returns what is wrong."""

    rows: int
    run: Callable[[Callable[[int], None]], list[str]]


@contextmanager
def recounting() -> Iterator[Recount]:
    """Recount ledger, counters and rollups as of this moment. Needs an application context."""
    with database.snapshot() as connection:
        yield Recount(rows_to_count(connection), lambda progress: recount(connection, progress))


def set_total(total: int, new_epoch: bool, clock: Clock) -> tuple[int, int]:
    """Continue an older counter: the next visit is `total` + 1. Returns the totals before and after.

    A lower total needs `new_epoch`, since every open page drops numbers that fall within an epoch. Raises
    TotalWouldFall without it. Needs an application context.
    """
    with database.exclusive(db.engine.url), db.session.begin():
        made = adjust_total(db.session(), total, new_epoch, clock.now_ms(), "koyjabo total set")
        if total < made.total_before and not new_epoch:
            raise TotalWouldFall(
                f"The total is {made.total_before}, and pages that show it would ignore {total}. "
                "Add --new-epoch to begin a new count that they accept."
            )
        return made.total_before, made.total_after
