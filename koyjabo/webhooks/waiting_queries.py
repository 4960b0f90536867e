"""Limits what waits for one endpoint, each query within one transaction (specification: Webhooks)."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import bindparam, delete, text
from sqlalchemy.orm import Session

from koyjabo.database.rows import changed_rows
from koyjabo.models import WebhookDelivery
from koyjabo.webhooks import queries

MOST_ROWS, MOST_BYTES = 10_000, 20_000_000
"""Limits for one endpoint: waiting deliveries, and bytes of the data of their events."""

# `'pending'` is no parameter, because SQLite would not use the index of waiting deliveries for one.
# A delivery that the previous version made has no bytes and counts as MOST_BYTES / MOST_ROWS.
WAITING = text("""
SELECT webhook_id, count(*), sum(coalesce(bytes, 2000)) FROM webhook_deliveries
WHERE state = 'pending' AND webhook_id IN :webhook_ids GROUP BY webhook_id
""").bindparams(bindparam("webhook_ids", expanding=True))
OLDEST = text("""
SELECT n, coalesce(bytes, 2000) FROM webhook_deliveries
WHERE state = 'pending' AND webhook_id = :webhook_id ORDER BY n LIMIT :size
""")


class Dropped(NamedTuple):
    number: int
    has_more: bool  # more waits still than the limits allow


def over_limit(session: Session, webhook_ids: Collection[str]) -> list[str]:
    """Return the `webhook_ids` with more than may wait. Reads only the index of what waits: 1 ms for MOST_ROWS."""
    return [row[0] for row in session.execute(WAITING, {"webhook_ids": list(webhook_ids)}) if _excess(*row[1:])]


def drop_oldest(session: Session, webhook_id: str, now_ms: int, size: int) -> Dropped:
    """Delete the oldest deliveries of an endpoint over its limits, `size` at most."""
    row = session.execute(WAITING, {"webhook_ids": [webhook_id]}).one_or_none()
    if row is None or not _excess(*row[1:]):
        return Dropped(0, False)
    _id, rows, waiting_bytes = row
    oldest: list[int] = []
    for n, of_delivery in session.execute(OLDEST, {"webhook_id": webhook_id, "size": size}):
        if not _excess(rows, waiting_bytes):
            break
        oldest.append(n)
        rows, waiting_bytes = rows - 1, waiting_bytes - of_delivery
    removal = delete(WebhookDelivery).where(WebhookDelivery.n.in_(oldest), WebhookDelivery.state == queries.PENDING)
    number = changed_rows(session, removal.execution_options(synchronize_session=False))
    queries.change(session, webhook_id, dropped_ms=now_ms)
    return Dropped(number, _excess(rows, waiting_bytes))


def _excess(rows: int, waiting_bytes: int) -> bool:
    return rows > MOST_ROWS or waiting_bytes > MOST_BYTES
