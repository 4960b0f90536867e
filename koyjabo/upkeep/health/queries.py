"""Queries for the server's health."""

import json
from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from koyjabo.base.core.i18n import N_
from koyjabo.base.database.models import Counter
from koyjabo.base.models import SITE
from koyjabo.counting.models import Visit
from koyjabo.counting.rollback_queries import ROLLED_BACK_ACTION as ROLLED_BACK
from koyjabo.people.audit import queries as audit
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.audit.models import AuditLine
from koyjabo.people.audit.queries import AuditRecord

ROLLBACK_SEEN_ACTION = "ledger.rollback_seen"
MAX_ROLLBACKS = 1_000

HEALTH_ACTIONS = {ROLLBACK_SEEN_ACTION: N_("Lost visits acknowledged")}

SELECT_NOW_MS = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
SELECT_STANDBYS = text("""
SELECT count(*), count(*) FILTER (WHERE r.sync_state IS NULL),
    count(*) FILTER (WHERE r.sync_state IN ('sync', 'quorum')
        AND current_setting('synchronous_commit') NOT IN ('off', 'local'))
FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
WHERE s.slot_type IS DISTINCT FROM 'logical' AND r.state IS DISTINCT FROM 'backup'
""")
"""A role without pg_read_all_stats sees the rows, but not their contents."""

SELECT_UNSAFE_SETTINGS = text(
    "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY 1"
)

SELECT_SCHEMA = text("SELECT max(version_num) FROM alembic_version")


class Standbys(NamedTuple):
    """How many PostgreSQL servers replicate this one, and how."""

    connected: int = 0
    hidden: int = 0  # standbys whose replication state is hidden from this role
    synchronous: int = 0  # standbys that commits wait for


class Rollback(NamedTuple):
    """The latest database rollback that no admin has acknowledged."""

    at_ms: int
    lost: int  # site visits lost, including in earlier such rollbacks


class DatabaseFacts(NamedTuple):
    schema: str = ""  # latest migration
    visits: int = 0  # ever counted
    newest_visit_ms: int = 0  # the time that the newest visit is filed at
    standbys: Standbys = Standbys()
    rollback: Rollback | None = None
    unsafe: tuple[str, ...] = ()  # PostgreSQL's settings that let a crash lose commits


def clock_ms(session: Session) -> int | None:
    """The database's own time, ms. None for SQLite, which uses this machine's clock."""
    if session.get_bind().dialect.name == "sqlite":
        return None
    return int(session.execute(SELECT_NOW_MS).scalar_one())


def facts(session: Session) -> DatabaseFacts:
    visits = session.execute(select(Counter.visits).where(Counter.scope == SITE)).scalar_one()
    dialect = session.get_bind().dialect.name
    return DatabaseFacts(
        schema=session.execute(SELECT_SCHEMA).scalar_one(),
        visits=visits,
        newest_visit_ms=session.scalar(select(Visit.at_ms).where(Visit.id == visits)) or 0,
        standbys=Standbys() if dialect == "sqlite" else Standbys._make(session.execute(SELECT_STANDBYS).one()),
        rollback=_rollback(session),
        unsafe=() if dialect == "sqlite" else tuple(session.scalars(SELECT_UNSAFE_SETTINGS)),
    )


def mark_rollback_seen(session: Session, by: Actor, at_ms: int) -> None:
    """Record that an admin has acknowledged the rollback at `at_ms`. Does nothing if there has been a later rollback,
    or if another admin has already acknowledged this one. Holds a lock so that no other such entry is written at the
    same time.
    """
    session.execute(select(Counter.scope).where(Counter.scope == SITE).with_for_update())
    newest = _rollback(session)
    if newest is not None and newest.at_ms == at_ms:
        by.entry(ROLLBACK_SEEN_ACTION, Subject("total", "site", ""), lost=newest.lost).store(session)


def _rollback(session: Session) -> Rollback | None:
    newest, seen = _newest(session, ROLLED_BACK), _newest(session, ROLLBACK_SEEN_ACTION)
    if newest is None or (seen is not None and seen.id > newest.id):
        return None
    unseen = select(AuditLine.details).where(AuditLine.action == ROLLED_BACK, AuditLine.id > (seen.id if seen else 0))
    of_site = unseen.where(AuditLine.target_kind == "total").order_by(AuditLine.id.desc()).limit(MAX_ROLLBACKS)
    lost = sum(json.loads(details)["lost"] for details in session.scalars(of_site))
    return Rollback(newest.at_ms, lost)


def _newest(session: Session, action: str) -> AuditRecord | None:
    return next(iter(audit.newest(session, (action,), 1)), None)
