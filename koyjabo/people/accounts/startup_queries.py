"""Checks whether a database has to be prepared, and stores the login link of a start, using only the driver. Loading
SQLAlchemy would take most of the startup time.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from koyjabo.base.database.revisions import NEWEST_REVISION
from koyjabo.base.database.sqlite import open_existing

IS_MIGRATED = "EXISTS (SELECT 1 FROM alembic_version WHERE version_num = ?)"
HAS_COUNTER = "EXISTS (SELECT 1 FROM counters WHERE scope = 'site')"
HAS_ADMIN = "EXISTS (SELECT 1 FROM users WHERE email_key = ? AND is_admin)"
VOID_LINKS = "DELETE FROM email_links WHERE purpose = ?"
ADD_LINK = """
INSERT INTO email_links (id, user_id, purpose, email_key, expires_ms)
SELECT ?, id, ?, email_key, ? FROM users WHERE is_admin AND disabled_ms IS NULL ORDER BY created_ms, id LIMIT 1
"""
HAS_USERS = "EXISTS (SELECT 1 FROM users WHERE external_ref IS NULL)"
START_TIMEOUT_S = 3


def is_prepared(database: Path | str, admin: str, needs_a_user: bool) -> bool:
    """Whether there is nothing to prepare: the tables, the counter and the required user exist. `database` is the
    SQLite file, or the libpq URL for PostgreSQL. `admin` is the email key of an admin that should exist, or "".

    Returns False after any failure. Preparing the database will then fail in the same way, and that code decides
    whether to wait or give up.
    """
    conditions, values = [IS_MIGRATED, HAS_COUNTER], [NEWEST_REVISION]
    if admin:
        conditions.append(HAS_ADMIN)
        values.append(admin)
    if needs_a_user:
        conditions.append(HAS_USERS)
    query = f"SELECT {' AND '.join(conditions)}"
    try:
        with _transaction(database) as execute:
            return bool(execute(query, values).fetchone()[0])
    except Exception:  # each driver has its own exceptions
        return False


def replace_login_link(database: Path | str, purpose: str, link_id: str, expires_ms: int) -> bool:
    """Store a link that logs the first admin in, and void the links of earlier starts. Returns False without an admin,
    and after any failure.
    """
    try:
        with _transaction(database) as execute:
            execute(VOID_LINKS, [purpose])
            return bool(execute(ADD_LINK, [link_id, purpose, expires_ms]).rowcount == 1)
    except Exception:  # each driver has its own exceptions
        return False


@contextmanager
def _transaction(database: Path | str) -> Iterator[Callable[[str, list[Any]], Any]]:
    """Yield a function that executes a statement and returns the driver's cursor. Commit at the end."""
    if isinstance(database, Path):
        os.close(os.open(f"{database}.lock", os.O_RDWR))  # fails if the lock file is not writable
        with closing(open_existing(str(database), START_TIMEOUT_S)) as file, file:
            file.execute("BEGIN IMMEDIATE")
            yield file.execute
        return
    from koyjabo.base.database.postgres import connect, limits

    with closing(connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(f"BEGIN; {limits()}")
        yield lambda statement, values: cursor.execute(statement.replace("?", "%s"), values) or cursor
        cursor.execute("COMMIT")
