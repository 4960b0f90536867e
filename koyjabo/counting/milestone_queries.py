"""Queries for milestones that visits have reached."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.base.models import SITE, Scope
from .milestones import key
from .models import StoredMilestone
from .stats import base36


class ReachedMilestone(NamedTuple):
    at_ms: int
    milestone: int
    epoch: str


def greatest_milestone(session: Session, scope: Scope, epoch: int, values: Sequence[int]) -> int | None:
    """The highest of these totals that a visit has reached in this epoch. Totals set by hand do not count."""
    keys = [key(scope, value) for value in values]
    events = map(json.loads, session.scalars(select(StoredMilestone.data).where(StoredMilestone.key.in_(keys))))
    return max((event["milestone"] for event in events if event["epoch"] == base36(epoch)), default=None)


def last_milestone(session: Session, began_ms: int) -> ReachedMilestone | None:
    """The site's last milestone since `began_ms`."""
    reached = select(StoredMilestone.at_ms, StoredMilestone.data)
    reached = reached.where(StoredMilestone.scope == SITE, StoredMilestone.at_ms >= began_ms)
    row = session.execute(reached.order_by(StoredMilestone.at_ms.desc(), StoredMilestone.key).limit(1)).first()
    return None if row is None else ReachedMilestone(row.at_ms, **json.loads(row.data))
