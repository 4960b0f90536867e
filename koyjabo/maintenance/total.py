"""Setting the total by hand, to continue an older counter: the only permitted gap between ordinals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from koyjabo.audit import log
from koyjabo.audit.log import Author, Target, noting
from koyjabo.clock import Clock
from koyjabo.database import engine
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.errors import InvalidInput, TotalWouldFall
from koyjabo.extensions import db
from koyjabo.identity import Account
from koyjabo.maintenance.total_queries import LARGEST_TOTAL, Totals, adjust_total
from koyjabo.text import N_

TOTAL = Target("total", "site", "")
TOTAL_RANGE = N_("must be from 0 to 1000000000000000")


def set_total(total: int, new_epoch: bool, clock: Clock) -> tuple[int, int]:
    """Continue an older counter: the next visit is `total` + 1. Returns the totals before and after.

    A lower total needs `new_epoch`, since every open page drops numbers that fall within an epoch. Raises
    TotalWouldFall without it. Needs an application context.
    """
    set_it = _setting(log.author(None, clock), total, new_epoch, "koyjabo total set")
    with engine.exclusive(db.engine.url) as session:
        return set_it(session)


class Bookkeeping:
    """The same from the panel, for admins of the site; everybody else is Forbidden. Raises LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def set_total(self, account: Account, total: int, reason: str, new_epoch: bool = False) -> tuple[int, int]:
        """As `set_total` above; `reason` is kept. Raises InvalidInput, too."""
        account.require_site_admin()
        if not 0 <= total <= LARGEST_TOTAL:
            raise InvalidInput(details={"total": TOTAL_RANGE})
        by = log.author(account, self._clock)
        return self._database.write(_setting(by, total, new_epoch, reason))


def _setting(by: Author, total: int, new_epoch: bool, reason: str) -> Callable[[Any], tuple[int, int]]:
    """An errand that sets the total, and writes a line of it."""
    made = partial(adjust_total, total=total, new_epoch=new_epoch, now_ms=by.at_ms, reason=reason)

    def checked(session: Any) -> Totals:
        totals = made(session)
        if totals.after < totals.before and not new_epoch:
            raise TotalWouldFall(
                f"The total is {totals.before}, and pages that show it would ignore {total}. "
                "Begin a new count, which they accept (at the command line: --new-epoch)."
            )
        return totals

    return noting(
        checked, lambda totals: by.did("total.set", TOTAL, **totals._asdict(), new_epoch=new_epoch, reason=reason)
    )
