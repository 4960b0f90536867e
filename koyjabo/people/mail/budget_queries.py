"""Queries for the daily budgets for emails to strangers, which apply across workers and restarts."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from .models import MailBudget

BUDGET_KEPT_MS = 25 * 3_600_000
"""How long a budget is kept, ms. Budgets are daily, and a day has up to 25 hours."""

ADD_BUDGET = text(
    "INSERT INTO mail_budgets (key, used, expires_ms) VALUES (:key, 0, :expires_ms) ON CONFLICT (key) DO NOTHING"
)


class Charge(NamedTuple):
    """One email charged to a budget: the budget's owner (`account`, `network` or `server`), key and size."""

    of: str
    key: str
    most: int


def charge(session: Session, charges: Sequence[Charge], now_ms: int) -> list[str] | None:
    """Take one email from each budget. Returns the owners whose budgets are now used up. If a budget was already used
    up, takes nothing and returns None. Locks the budgets until the transaction ends.
    """
    by_key = {budget.key: budget for budget in charges}
    keys = sorted(by_key)  # in a fixed order, to avoid deadlocks
    if not keys:
        return []
    session.execute(ADD_BUDGET, [{"key": key, "expires_ms": now_ms + BUDGET_KEPT_MS} for key in keys])
    query = select(MailBudget.key, MailBudget.used).where(MailBudget.key.in_(keys)).order_by(MailBudget.key)
    used = {row.key: row.used for row in session.execute(query.with_for_update())}
    if any(used[key] >= budget.most for key, budget in by_key.items()):
        return None
    session.execute(update(MailBudget).where(MailBudget.key.in_(keys)).values(used=MailBudget.used + 1))
    return [budget.of for key, budget in by_key.items() if used[key] + 1 == budget.most]


def is_used_up(session: Session, budget: Charge) -> bool:
    used = session.scalar(select(MailBudget.used).where(MailBudget.key == budget.key))
    return used is not None and used >= budget.most
