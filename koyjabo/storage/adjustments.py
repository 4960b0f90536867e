"""Set the total by hand, with a row that says so: the only permitted gap between ordinals."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.models import SITE, Adjustment, Counter


def adjust_total(session: Session, total: int, new_epoch: bool, now_ms: int, reason: str) -> Adjustment:
    """Give the site's counter `total`, in the session's transaction, under the lock of the counter row."""
    counter = session.scalars(select(Counter).where(Counter.scope == SITE).with_for_update()).one()
    epoch = max(counter.epoch + 1, now_ms) if new_epoch else counter.epoch
    adjustment = Adjustment(
        scope=SITE,
        at_ms=now_ms,
        after_visit=counter.visits,
        total_before=counter.total,
        total_after=total,
        epoch=epoch,
        reason=reason,
    )
    session.add(adjustment)
    counter.total = total
    for each in session.scalars(select(Counter).order_by(Counter.scope).with_for_update()):  # as `people` locks them
        each.epoch = epoch
        each.revision = max(each.revision + 1, now_ms)
    return adjustment
