"""Hold two transactions until both have reached the same call."""

from __future__ import annotations

from typing import Any

import pytest

from support.databases.database import Database
from support.programs.processes import wait_until

WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


def hold_for_two(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, database: Database) -> None:
    """Let a call of this function within a transaction go on only when another transaction calls it or waits."""
    function, calls = getattr(module, name), []

    def called(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        wait_until(lambda: len(calls) > 1 or keeps_others_out(database), "the other one has come here or waits")
        return function(*arguments, **named)

    monkeypatch.setattr(module, name, called)


def keeps_others_out(database: Database) -> bool:
    """Whether another transaction waits for this one, or cannot begin."""
    return bool(database.rows(WAITING)[0][0]) if database.kind == "postgres" else not database.is_free()
