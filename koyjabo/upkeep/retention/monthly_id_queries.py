"""The ids of reduced visits: all reduced visits of a visitor in one calendar month share a random id. The visits of a
month are reduced on different nights, so the id is a keyed hash of the `visitor_id`. The key is a row of
`month_secrets`, which is deleted once the month is complete.
"""

import secrets
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from koyjabo.counting.models import MONTHLY_PREFIX
from koyjabo.upkeep.old_row_queries import lock
from .models import MonthSecret

MONTH_SECRET_BYTES, MONTHLY_ID_BYTES = 32, 12

MONTH_LENGTH = len("2025-11")
"""The length of the part of a day that names its month."""

SELECT_MONTH_SECRET = text("SELECT secret FROM month_secrets WHERE month = :month")
INSERT_MONTH_SECRET = text("INSERT INTO month_secrets (month, secret) VALUES (:month, :secret)")


def monthly_ids(session: Session, rows: Sequence[Any]) -> list[str]:
    """The ids that rows of visitors get, for the months of the rows."""
    keys = {month: _secret(session, month) for month in sorted({row.day[:MONTH_LENGTH] for row in rows})}
    return [f"{MONTHLY_PREFIX}{_hashed(keys[row.day[:MONTH_LENGTH]], row.visitor_id)}" for row in rows]


def forget_secrets(session: Session, day: str) -> None:
    """Delete the secrets of complete months: all their days are before this day."""
    lock(session)
    session.execute(delete(MonthSecret).where(MonthSecret.month < day[:MONTH_LENGTH]))


def _secret(session: Session, month: str) -> bytes:
    """The secret of a month. Created if there is none."""
    secret: str | None = session.scalar(SELECT_MONTH_SECRET, {"month": month})
    if secret is None:
        secret = secrets.token_hex(MONTH_SECRET_BYTES)
        session.execute(INSERT_MONTH_SECRET, {"month": month, "secret": secret})
    return bytes.fromhex(secret)


def _hashed(secret: bytes, visitor_id: str) -> str:
    return blake2b(visitor_id.encode("utf-8", "surrogatepass"), digest_size=MONTHLY_ID_BYTES, key=secret).hexdigest()
