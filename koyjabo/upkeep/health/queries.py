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

SELECT_TEXT_ORDER = text("""
SELECT datcollversion, pg_database_collation_actual_version(oid), quote_ident(datname) FROM pg_database
WHERE datname = current_database()
""")
TEXT_ORDER_SINCE = (15,)
"""The first version of PostgreSQL that stores the version of a database's order of texts."""

SELECT_SEQUENCE_GRANT = text("""
SELECT format('GRANT UPDATE ON ALL SEQUENCES IN SCHEMA %I TO %I', current_schema(), current_user)
FROM unnest(:tables) AS name
WHERE to_regclass(name) IS NOT NULL AND NOT has_sequence_privilege(pg_get_serial_sequence(name, 'id'), 'UPDATE') LIMIT 1
""")

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


class TextOrder(NamedTuple):
    """The order of texts below a PostgreSQL database."""

    recorded: str  # its version when the database was created
    actual: str  # its version on this system; "" if there is none
    database: str  # name, quoted if necessary

    @property
    def command(self) -> str:
        """The statement that ends PostgreSQL's warnings. Without a version, it would fail."""
        return f"ALTER DATABASE {self.database} REFRESH COLLATION VERSION" if self.actual else ""


class DatabaseFacts(NamedTuple):
    schema: str = ""  # latest migration
    visits: int = 0  # ever counted
    newest_visit_ms: int = 0  # the time that the newest visit is filed at
    standbys: Standbys = Standbys()
    rollback: Rollback | None = None
    unsafe: tuple[str, ...] = ()  # PostgreSQL's settings that let a crash lose commits
    changed_order: TextOrder | None = None  # if it is another one than when the database was created
    sequence_grant: str = ""  # the statement that lets this role set sequences, if it may not


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
        changed_order=changed_order(session),
        sequence_grant=sequence_grant(session),
    )


def changed_order(session: Session) -> TextOrder | None:
    """The order of texts, if it has changed below the database."""
    dialect = session.get_bind().dialect
    if dialect.name == "sqlite" or (dialect.server_version_info or ()) < TEXT_ORDER_SINCE:
        return None
    recorded, actual, database = session.execute(SELECT_TEXT_ORDER).one()
    return None if recorded in (None, actual) else TextOrder(recorded, actual or "", database)


def sequence_grant(session: Session) -> str:
    """The statement that lets this PostgreSQL role set sequences; "" if it may."""
    if session.get_bind().dialect.name == "sqlite":
        return ""
    from koyjabo.base.database.sequences_postgres import numbered_tables

    return session.scalar(SELECT_SEQUENCE_GRANT, {"tables": numbered_tables()}) or ""


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
