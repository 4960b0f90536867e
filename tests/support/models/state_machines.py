"""State machines of Hypothesis, each run on a database of its own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from support.databases.database import Postgres, SqliteDatabase
from support.runs.fuzz_effort import TIMES, effort

NewUrl = Callable[[], str]


def new_urls(kind: str, folder: Path, postgres: Callable[[], Postgres]) -> NewUrl:
    """Each call makes a database, and returns its URL."""
    if kind == "postgres":
        return lambda: postgres().new_database().url
    files = count()
    return lambda: SqliteDatabase.migrated(folder / f"{next(files)}.db").url


def play(machine: Callable[[], RuleBasedStateMachine], times: int, steps: int) -> None:
    """The same steps each time, unless FUZZ asks for others. What fails is shown as it was: each attempt to shorten it
    would take as long as the whole test.
    """
    steps = steps if TIMES else 2 * steps // 3
    chosen = settings(effort(times), stateful_step_count=steps, phases=[Phase.generate])
    run_state_machine_as_test(machine, settings=chosen)
