"""How many rows a statement has changed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.orm import Session


def changed_rows(session: Session, statement: Executable, parameters: dict[str, Any] | None = None) -> int:
    """Execute an UPDATE or a DELETE without RETURNING, and return the number of rows that it matched."""
    result = session.execute(statement, parameters)
    assert isinstance(result, CursorResult)
    return result.rowcount
