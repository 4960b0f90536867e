"""Removes used codes and expired logins, and erased visitors from logins that wait for a code."""

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import change_in_database
from koyjabo.base.database.upkeep_rules import ExpiringRows, UpkeepRules, expiring
from koyjabo.people.accounts.models import PendingStep, SpentCode
from .one_time_codes import CODE_STEP_MS
from .queries import SPENT_STEPS

LEAVE_LOGINS = text("UPDATE pending_steps SET visitor_id = NULL WHERE visitor_id = :visitor_id")


def _remove_codes(session: Session, before_ms: int, size: int) -> int:
    """Remove the used codes of `size` users, because they show when the users logged in."""
    is_old = SpentCode.step < before_ms // CODE_STEP_MS - SPENT_STEPS
    users = select(SpentCode.user_id).where(is_old).distinct().limit(size)
    return change_in_database(session, delete(SpentCode).where(is_old, SpentCode.user_id.in_(users)))


class TwoStepLoginRules(UpkeepRules):
    expiring = (expiring(PendingStep.token), ExpiringRows(SpentCode.__tablename__, _remove_codes))

    def erase_visitor(self, session: Session, visitor_id: str) -> None:
        session.execute(LEAVE_LOGINS, {"visitor_id": visitor_id})
