"""Runs pytest in processes forked from one that has loaded the libraries. Most tests of mutations take less time than
loading them would.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = (
    *("alembic.command", "alembic.autogenerate", "argon2", "babel.dates", "flask_babel", "flask_jwt_extended"),
    *("flask_sqlalchemy", "hypothesis", "psutil", "psycopg2.extras", "pydantic", "redis", "requests", "socketio"),
    *(
        "sqlalchemy.dialects.postgresql.psycopg2",
        "sqlalchemy.dialects.sqlite",
        "websockets.sync.client",
        "xdist.plugin",
    ),
)
"""What tests and the product import, except eventlet: a server patches the standard library before it loads that."""


TOOLS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """One run of pytest, in a folder. Its output goes to a file."""

    folder: Path
    arguments: list[str]
    environment: dict[str, str]
    output: Path


def execute(run: Run, timeout_s: float | None) -> int | None:
    """The exit status of a run, or None if it took too long: then all its processes are killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LIBRARIES))
    process = context.Process(target=_execute, args=(run,))
    run.output.write_text("")  # without the last run's results, if this one does not get so far
    process.start()
    process.join(timeout_s)
    if process.exitcode is None:
        os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
        return None
    return process.exitcode


def _execute(run: Run) -> None:
    os.setsid()
    os.chdir(run.folder)
    os.environ.clear()
    os.environ.update(run.environment)
    os.environ["PYTHONPATH"] = str(run.folder)  # programs that tests start import the mutated code too
    sys.path[:] = [str(run.folder), *(path for path in sys.path if Path(path) != TOOLS)]
    with run.output.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    import pytest

    sys.exit(pytest.main(run.arguments))
