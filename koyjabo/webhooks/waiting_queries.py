"""Limits what waits for one endpoint, each query within one transaction (specification: Webhooks)."""

from __future__ import annotations

from collections.abc import Collection

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
NEWEST_OVER = text("""
SELECT n FROM (
  SELECT n, row_number() OVER newest_first AS number, sum(bytes) OVER newest_first AS bytes FROM (
    SELECT n, coalesce(bytes, 2000) AS bytes FROM webhook_deliveries
    WHERE state = 'pending' AND webhook_id = :webhook_id ORDER BY n DESC LIMIT :most_rows + 1
  ) AS newest WINDOW newest_first AS (ORDER BY n DESC)
) AS summed WHERE number > :most_rows OR bytes > :most_bytes ORDER BY n DESC LIMIT 1
""")
OLDEST = text("""
SELECT n FROM webhook_deliveries WHERE state = 'pending' AND webhook_id = :webhook_id AND n <= :newest
ORDER BY n LIMIT :size
""")


def over_limit(session: Session, webhook_ids: Collection[str]) -> list[str]:
    """Return the `webhook_ids` with more than may wait. Reads only the index of what waits: 1 ms for MOST_ROWS."""
    return [row[0] for row in session.execute(WAITING, {"webhook_ids": list(webhook_ids)}) if _excess(*row[1:])]


def newest_over(session: Session, webhook_id: str) -> int | None:
    """Return the newest delivery to drop, with all older ones; None while the limits are kept. Reads MOST_ROWS
    entries of the index, however many wait.
    """
    limits = {"most_rows": MOST_ROWS, "most_bytes": MOST_BYTES}
    newest: int | None = session.scalar(NEWEST_OVER, {"webhook_id": webhook_id, **limits})
    return newest


def drop_oldest(session: Session, webhook_id: str, newest: int, now_ms: int, size: int) -> tuple[int, bool]:
    """Delete the oldest deliveries of an endpoint up to `newest`, `size` at most. Returns their number, and whether
    there may be more.
    """
    oldest = list(session.scalars(OLDEST, {"webhook_id": webhook_id, "newest": newest, "size": size}))
    # Another worker may have delivered some. A plain comparison of `state` would make SQLite read the waiting
    # deliveries of all endpoints.
    is_pending = WebhookDelivery.state.concat("") == queries.PENDING
    removal = delete(WebhookDelivery).where(WebhookDelivery.n.in_(oldest), is_pending)
    number = changed_rows(session, removal.execution_options(synchronize_session=False))
    if number:
        queries.change(session, webhook_id, dropped_ms=now_ms)
    return number, len(oldest) == size


def _excess(rows: int, waiting_bytes: int) -> bool:
    return rows > MOST_ROWS or waiting_bytes > MOST_BYTES
