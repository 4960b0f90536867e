"""Sets the total by hand, to continue an older counter. This creates the only permitted gap between visit numbers."""

from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidInput, TotalWouldFall
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.settings.checks import MAX_TOTAL
from koyjabo.people.audit import log as audit
from koyjabo.people.audit.log import Actor, Subject
from .total_queries import Totals, adjust_total, locked_count, read_count

TOTAL_SUBJECT = Subject("total", "site", "")

TOTAL_RANGE = N_("must be from 0 to 1,000,000,000,000,000")


class Preview(NamedTuple):
    """What a change to the total would do. `version` changes only when the total is set, not when visits
    are counted.
    """

    totals: Totals
    version: str
    has_visits: bool  # whether a visit was counted


class TotalAdjuster:
    """Changes the total, for admins of the site and OPERATOR. Raises Forbidden for other accounts, and
    LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def preview(self, account: Account, total: int, new_epoch: bool = False) -> Preview:
        """Return what `set_total` would do now, without changing anything. Raises the same errors."""
        account.require_site_admin()
        _require_in_range(total)
        count = self._database.read(read_count)
        totals = Totals(count.total, total)
        _require_new_epoch(totals, new_epoch)
        return Preview(totals, f"{count.epoch} {count.total - count.visits}", bool(count.visits))

    def set_total(self, account: Account, total: int, reason: str, new_epoch: bool = False) -> Totals:
        """Set the total, so that the next visit number is `total` + 1. `reason` is stored. Raises InvalidInput.

        A lower total needs `new_epoch`, because open pages ignore totals that fall within an epoch. Without it, raises
        TotalWouldFall.
        """
        account.require_site_admin()
        _require_in_range(total)
        by = audit.actor(account, self._clock)
        return self._database.write(_set_total, by, total, reason, new_epoch)

    def begin_with(self, total: int) -> bool:
        """Set the total of a counter without visits, for the operator. Returns False if it has some."""
        by = audit.actor(OPERATOR, self._clock)

        def operation(session: Any) -> bool:
            count = locked_count(session)
            if count.total != total and not count.visits:
                _set_total(session, by, total, "koyjabo --total", total < count.total)
            return not count.visits

        return self._database.write(operation)


def _set_total(session: Any, by: Actor, total: int, reason: str, new_epoch: bool) -> Totals:
    totals = adjust_total(session, total, new_epoch, by.at_ms, reason)
    _require_new_epoch(totals, new_epoch)
    by.entry("total.set", TOTAL_SUBJECT, **totals._asdict(), new_epoch=new_epoch, reason=reason).store(session)
    return totals


def _require_in_range(total: int) -> None:
    """Check the range. Raises InvalidInput."""
    if not 0 <= total <= MAX_TOTAL:
        raise InvalidInput(details={"total": TOTAL_RANGE})


def _require_new_epoch(totals: Totals, new_epoch: bool) -> None:
    """Raise TotalWouldFall if the total would fall without a new epoch."""
    if totals.after < totals.before and not new_epoch:
        raise TotalWouldFall(
            f"The total is {totals.before:,}, and open pages would ignore a lower total ({totals.after:,}). "
            "Start a new count, which they accept (on the command line: --new-epoch)."
        )
