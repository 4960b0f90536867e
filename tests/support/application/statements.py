"""Records SQL statements as they are executed, and shows their query plans."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from koyjabo.base.core.extensions import db
from support.application.site import Site


@contextmanager
def recorded() -> Iterator[list[tuple[str, Any]]]:
    """Record the statements that SQLAlchemy executes, with their parameters."""
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def plan_of(site: Site, kind: str, statement: str, parameters: Any) -> str:
    how = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
    with site.app.app_context(), db.engine.begin() as connection:
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{how} {statement}", parameters))
