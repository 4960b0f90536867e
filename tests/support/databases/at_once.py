"""Hold two transactions until both have reached the same statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, get_ident
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from support.databases.database import Database
from support.programs.processes import wait_until

WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@contextmanager
def hold_for_two(database: Database, beginning: str) -> Iterator[Event]:
    """Run statements of this process that begin like this, such as "UPDATE api_keys", only when another transaction
    comes to one, or waits. The event says that the first has come.
    """
    threads, has_come = set(), Event()

    def come(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(beginning):
            threads.add(get_ident())
            has_come.set()
            wait_until(lambda: len(threads) > 1 or keeps_others_out(database), "the other one has come here or waits")

    event.listen(Engine, "before_cursor_execute", come)
    try:
        yield has_come
    finally:
        event.remove(Engine, "before_cursor_execute", come)
    assert has_come.is_set(), beginning


def keeps_others_out(database: Database) -> bool:
    """Whether another transaction waits for this one, or cannot begin."""
    return bool(database.rows(WAITING)[0][0]) if database.kind == "postgres" else not database.is_free()
