"""The lock on PostgreSQL that lets one process at a time change tables, or the ledger as a whole.

It belongs to the transaction that needs it: a session-level lock would stay with a pooler's connection, which is passed
to other clients. A waiting process retries in short transactions, because a waiting transaction would occupy a
connection of the pool that the holder of the lock may need.
"""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.core.errors import DatabaseInUse

log = logging.getLogger(__name__)

LOCK = 0x6B6F796A  # "koyj", one of PostgreSQL's advisory locks
PATIENCE_S = 60.0
POLL_S = 0.1
LOG_AFTER_S = 1.0
"""Waits up to this long are not logged: processes that start together wait for each other."""

TRY = text(f"SELECT pg_try_advisory_xact_lock({LOCK})")
# A session without a transaction may hold the lock for an older version of this program; `since` is then the time of
# its last statement. Unprivileged roles see only the pid of sessions of other roles.
HOLDER = text(f"""
SELECT l.pid, coalesce(a.application_name, '') AS application, coalesce(host(a.client_addr), 'local') AS client,
       to_char(coalesce(a.xact_start, a.state_change) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = {LOCK} AND l.objsubid = 1 AND l.granted
AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
""")


class Holder(NamedTuple):
    """The process of PostgreSQL that holds the lock, and its client."""

    pid: int
    application: str
    client: str
    since: str | None  # ISO 8601, UTC


def take(session: Session) -> None:
    """Lock until the transaction ends. Rolls the session back while it waits, so the lock has to come first.

    Logs which connection holds the lock. Raises DatabaseInUse after PATIENCE_S.
    """
    began, logged_pid = time.monotonic(), 0
    while not session.scalar(TRY):
        row = session.execute(HOLDER).one_or_none()
        session.rollback()
        if row is not None:
            logged_pid = _wait_for(Holder._make(row), time.monotonic() - began, logged_pid)
        time.sleep(POLL_S)


def _wait_for(holder: Holder, waited_s: float, logged_pid: int) -> int:
    """Log each holder once; `logged_pid` is the pid that was logged last. Returns the new one. Raises DatabaseInUse."""
    if waited_s > PATIENCE_S:
        raise DatabaseInUse(
            f"Another process changes this database, and has not finished within {PATIENCE_S:.0f} s: {_named(holder)}. "
            f"Start again when it has finished; if it hangs, end it first: SELECT pg_terminate_backend({holder.pid})."
        )
    if waited_s > LOG_AFTER_S and holder.pid != logged_pid:
        log.warning("database_lock_held pid=%s application=%r client=%s since=%s", *holder)
        return holder.pid
    return logged_pid


def _named(holder: Holder) -> str:
    return f"process {holder.pid} of PostgreSQL, application {holder.application!r}, client {holder.client}, " + (
        f"since {holder.since}" if holder.since else "since an unknown time"
    )
