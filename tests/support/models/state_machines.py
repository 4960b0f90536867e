"""Runs Hypothesis state machines, each on its own database."""

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
    """A function that makes a database on each call, and returns its URL."""
    if kind == "postgres":
        return lambda: postgres().new_database().url
    files = count()
    return lambda: SqliteDatabase.migrated(folder / f"{next(files)}.db").url


def play(machine: Callable[[], RuleBasedStateMachine], times: int, steps: int) -> None:
    """Run a state machine with fixed examples, unless FUZZ selects others. Failing examples are not shrunk."""
    steps = steps if TIMES else 2 * steps // 3
    chosen = settings(effort(times), stateful_step_count=steps, phases=[Phase.generate])
    run_state_machine_as_test(machine, settings=chosen)
