"""Sets the total by hand, to continue an older counter. This makes the only permitted gap between ordinals."""

from __future__ import annotations

from typing import Any

from koyjabo.audit import log
from koyjabo.audit.log import Subject
from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.errors import InvalidInput, TotalWouldFall
from koyjabo.identity import Account
from koyjabo.maintenance.total_queries import LARGEST_TOTAL, Totals, adjust_total
from koyjabo.text import N_

TOTAL = Subject("total", "site", "")
TOTAL_RANGE = N_("must be from 0 to 1,000,000,000,000,000")


class TotalAdjuster:
    """For admins of the site, and for OPERATOR; raises Forbidden for other accounts. Raises LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def set_total(self, account: Account, total: int, reason: str, new_epoch: bool = False) -> Totals:
        """Set the total, so that the ordinal of the next visit is `total` + 1. `reason` is stored.

        A lower total needs `new_epoch`, because open pages ignore totals that fall within an epoch; raises
        TotalWouldFall without it. Raises InvalidInput.
        """
        account.require_site_admin()
        if not 0 <= total <= LARGEST_TOTAL:
            raise InvalidInput(details={"total": TOTAL_RANGE})
        by = log.actor(account, self._clock)
        return self._database.write(
            _set_total,
            *(total, new_epoch, by.at_ms, reason),
            audit=lambda totals: by.entry("total.set", TOTAL, **totals._asdict(), new_epoch=new_epoch, reason=reason),
        )


def _set_total(session: Any, total: int, new_epoch: bool, now_ms: int, reason: str) -> Totals:
    totals = adjust_total(session, total, new_epoch, now_ms, reason)
    if totals.after < totals.before and not new_epoch:
        raise TotalWouldFall(
            f"The total is {totals.before:,}, and open pages would ignore a lower total ({total:,}). "
            "Start a new count, which they accept (at the command line: --new-epoch)."
        )
    return totals
