"""Sets the total, with a row in `adjustments`."""

from typing import NamedTuple

from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import Session

from koyjabo.base.database.models import Counter
from koyjabo.base.models import SITE
from koyjabo.counting.models import Adjustment


class Totals(NamedTuple):
    before: int
    after: int


def read_count(session: Session) -> Counter:
    """The site's counter."""
    return session.scalars(select(Counter).where(Counter.scope == SITE)).one()


def locked_count(session: Session) -> Counter:
    """The site's counter. Visits wait until the end of the transaction."""
    return session.scalars(select(Counter).where(Counter.scope == SITE).with_for_update()).one()


def adjust_total(session: Session, total: int, new_epoch: bool, now_ms: int, reason: str) -> Totals:
    """Set the site's total, in the session's transaction, with the counter row locked."""
    counter = locked_count(session)
    epoch = max(counter.epoch + 1, now_ms) if new_epoch else counter.epoch
    totals = Totals(counter.total, total)
    values = {"after_visit": counter.visits, "total_before": totals.before, "total_after": totals.after, "epoch": epoch}
    session.add(Adjustment(scope=SITE, at_ms=now_ms, reason=reason, **values))
    counter.total = total
    for other in session.scalars(select(Counter).order_by(Counter.scope).with_for_update()):  # in the ledger's order
        other.epoch = epoch
        other.revision = max(other.revision + 1, now_ms)
    return totals


def record_epoch(connection: Connection, epoch: int, now_ms: int, reason: str) -> None:
    """Record that a new epoch has begun with the counter's total."""
    visits, total = connection.execute(select(Counter.visits, Counter.total).where(Counter.scope == SITE)).one()
    values = {"after_visit": visits, "total_before": total, "total_after": total, "epoch": epoch}
    connection.execute(insert(Adjustment).values(scope=SITE, at_ms=now_ms, reason=reason, **values))
