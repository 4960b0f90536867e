"""Tables for the server's own records: nightly work, the audit log, and announcements."""

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from .columns import BigKey, ByKey, Day, Model, Name, ScopeId, Uuid, Word


class NightlyWork(ByKey, Model):
    """Work that one worker does once a day: the last day it was started for, and the worker that started it.

    Some rows have another use: `reduced` has the first day whose visits may still have a person, and the start of this
    day (`upkeep.retention.reduction_queries`).
    `mail`, `insights` and `recount` are the leases of the workers that send emails, store blocks for reports, and
    recount (`base.jobs.job_queries`).
    """

    __tablename__ = "nightly_work"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[Day]
    worker: Mapped[str] = mapped_column(String(32))  # a name that the worker chose for this run
    seen_ms: Mapped[int]  # that worker's last heartbeat
    ended_ms: Mapped[int | None]


class DatabaseIdentity(Model):
    """A single row with the name of this database, created with the schema. Backups and restores skip it, so that
    servers never confuse what they remember about two databases.
    """

    __tablename__ = "database_identity"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # 1
    name: Mapped[str] = mapped_column(String(32))
    # last `koyjabo ledger accept` (`base.database.timelines`)
    accepted_ms: Mapped[int | None]
    # The schema of the oldest version that can use this database. A migration that removes something raises it
    # (decision 99).
    compatible_from: Mapped[str] = mapped_column(String(32))


class StoredSetting(ByKey, Model):
    """A setting from the page Server or `koyjabo settings` (`koyjabo.upkeep.stored_settings`)."""

    __tablename__ = "stored_settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)  # as in the environment
    value: Mapped[str]  # as in the environment; a secret is sealed


class DaySecret(ByKey, Model):
    """The secret for hashing one day's anonymous visitors (`counting.anonymity`). Not included in backups."""

    __tablename__ = "day_secrets"

    day: Mapped[Day] = mapped_column(primary_key=True)
    secret: Mapped[str]  # hexadecimal


class MonthSecret(ByKey, Model):
    """The secret for the random ids of one month's reduced visits. It exists until all visits of the month are reduced
    (`upkeep.retention.reduction_queries`). Not included in backups.
    """

    __tablename__ = "month_secrets"

    month: Mapped[Day] = mapped_column(primary_key=True)  # YYYY-MM
    secret: Mapped[str]  # hexadecimal


class AuditLine(Model):
    """An action and its author, stored in the action's transaction. Names are as they were at the time. Contains no
    addresses.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_actor", "actor_id", "id"),
        Index("ix_audit_log_action", "action", "id"),
        Index("ix_audit_log_target", "target_id", "id"),
    )

    id: Mapped[BigKey] = mapped_column(primary_key=True)
    at_ms: Mapped[int]
    actor_id: Mapped[Uuid | None]  # a user, DELETED, or None for the operator
    actor: Mapped[Name]
    action: Mapped[str] = mapped_column(String(64))
    target_kind: Mapped[Word]
    target_id: Mapped[Uuid]
    target: Mapped[str] = mapped_column(String(254))
    details: Mapped[str]  # JSON
    place: Mapped[str]


class Announcement(Model):
    """A milestone, stored in the transaction of the visit that reaches it. `key` keeps workers and retries from
    storing it twice.
    """

    __tablename__ = "announcements"
    __table_args__ = (Index("ix_announcements_scope", "scope", "at_ms"), {"sqlite_with_rowid": False})

    key: Mapped[str] = mapped_column(String(140), primary_key=True)  # "milestone:site:10000"
    type: Mapped[str] = mapped_column(String(64))  # "milestone.reached"
    scope: Mapped[ScopeId]
    at_ms: Mapped[int]
    data: Mapped[str]  # JSON


class StartingStep(ByKey, Model):
    """A step in setting up a site (`getting_started`): the first page seen, or something that admins have hidden."""

    __tablename__ = "starting_steps"

    step: Mapped[Word] = mapped_column(primary_key=True)
    done_ms: Mapped[int | None]
    skipped_ms: Mapped[int | None]
    host: Mapped[str | None]  # host of the first page on another host whose visit was counted
    ordinal: Mapped[int | None]  # of that visit
