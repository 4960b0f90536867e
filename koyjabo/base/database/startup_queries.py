"""Checks whether a database has to be prepared, using only the driver. Loading SQLAlchemy would take most of the
startup time.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

from koyjabo.base.core.installation import migrations
from koyjabo.base.database.sqlite import open_existing

MIGRATIONS = migrations()
REVISIONS = {file.name.partition("_")[0] for file in MIGRATIONS.glob("versions/*.py")}
"""Migration files are named by number, in order."""

NEWEST_REVISION = max(REVISIONS)

MIGRATED = "EXISTS (SELECT 1 FROM alembic_version WHERE version_num = ?)"
COUNTS = "EXISTS (SELECT 1 FROM counters WHERE scope = 'site')"
HAS_ADMIN = "EXISTS (SELECT 1 FROM users WHERE email_key = ? AND is_admin)"
HAS_USERS = "EXISTS (SELECT 1 FROM users WHERE external_ref IS NULL)"
TIMEOUT_S = 3


def is_prepared(database: Path | str, admin: str, needs_a_user: bool) -> bool:
    """Whether there is nothing to prepare: the tables, the counter and the required user exist. `database` is the
    SQLite file, or the libpq URL for PostgreSQL. `admin` is the email key of an admin that should exist, or "".

    Returns False after any failure. Preparing the database will then fail in the same way, and that code decides
    whether to wait or give up.
    """
    conditions, values = [MIGRATED, COUNTS], [NEWEST_REVISION]
    if admin:
        conditions.append(HAS_ADMIN)
        values.append(admin)
    if needs_a_user:
        conditions.append(HAS_USERS)
    question = f"SELECT {' AND '.join(conditions)}"
    try:
        ask = _ask_sqlite if isinstance(database, Path) else _ask_postgres
        return bool(ask(database, question, values))
    except Exception:  # each driver has its own exceptions
        return False


def _ask_sqlite(file: Any, question: str, values: list[str]) -> Any:
    """Run a query, and check that the file and its lock file are writable."""
    os.close(os.open(f"{file}.lock", os.O_RDWR))
    with closing(open_existing(str(file), TIMEOUT_S)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        return connection.execute(question, values).fetchone()[0]


def _ask_postgres(url: Any, question: str, values: list[str]) -> Any:
    from koyjabo.base.database.postgres import connect, limits

    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(limits() + question.replace("?", "%s"), values)
        return cursor.fetchone()[0]
