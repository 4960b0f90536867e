"""Reads the milestones that visits have reached; the ledger writes them (`counting.milestones`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.counting.milestones import REACHED, key
from koyjabo.counting.stats import base36
from koyjabo.models import Scope, WebhookEvent


class ReachedMilestone(NamedTuple):
    value: int
    at_ms: int


def greatest(session: Session, scope: Scope, epoch: int, values: Sequence[int]) -> int | None:
    """The greatest of these totals that a visit has reached in this epoch: not an import, nor a total set by hand."""
    keys = [key(scope, value) for value in values]
    found = map(json.loads, session.scalars(select(WebhookEvent.data).where(WebhookEvent.key.in_(keys))))
    return max((each["milestone"] for each in found if each["epoch"] == base36(epoch)), default=None)


def within(
    session: Session, scope: Scope, began_ms: int | None, ended_ms: int | None, most: int
) -> list[ReachedMilestone]:
    """The newest `most` of a scope from `began_ms` on and before `ended_ms` (ms; None: no limit), the newest first."""
    rows = select(WebhookEvent.data, WebhookEvent.at_ms)
    rows = rows.where(WebhookEvent.scope == scope, WebhookEvent.type == REACHED)
    if began_ms is not None:
        rows = rows.where(WebhookEvent.at_ms >= began_ms)
    if ended_ms is not None:
        rows = rows.where(WebhookEvent.at_ms < ended_ms)
    found = session.execute(rows.order_by(WebhookEvent.at_ms.desc(), WebhookEvent.id).limit(most))
    return [ReachedMilestone(json.loads(row.data)["milestone"], row.at_ms) for row in found]
