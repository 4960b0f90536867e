"""Tables for the server's own records: nightly jobs, backups, the audit log, and announcements."""

from sqlalchemy import Index, Integer, String, text
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
    """A milestone or a rollback, stored in the same transaction as the change. `key` keeps workers and retries from
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


FAILURES_BEFORE = text(
    "(SELECT coalesce(max(failures_before + CASE state WHEN 'failed' THEN 1 ELSE 0 END), 0) FROM backups)"
)


class JobColumns:
    """Columns shared by all long-running jobs (`base.jobs.job_queries`)."""

    id: Mapped[BigKey] = mapped_column(primary_key=True)
    begun_by: Mapped[Name]  # the name of the admin who asked for it; "" for the server
    worker: Mapped[str] = mapped_column(String(32))  # as in NightlyWork
    begun_ms: Mapped[int]
    seen_ms: Mapped[int]  # the last heartbeat while it runs
    ended_ms: Mapped[int | None]
    done: Mapped[int]  # progress of this step, in rows, visits or bytes
    goal: Mapped[int]
    error: Mapped[str | None]  # a sentence


class Backup(JobColumns, Model):
    """A backup that is running or finished, as of its last report. Backups and restores skip these rows, because the
    files outlive them.
    """

    __tablename__ = "backups"

    name: Mapped[str] = mapped_column(String(64), unique=True)  # file name
    state: Mapped[Word] = mapped_column(index=True)  # `running`, `proven` or `failed`
    step: Mapped[Word]  # the step that is running or has failed
    bytes: Mapped[int | None]  # size of the whole file
    made_ms: Mapped[int | None]  # when its snapshot was taken
    epoch: Mapped[int | None]
    total: Mapped[int | None]
    restored_total: Mapped[int | None]  # recounted after a test restore
    proven_ms: Mapped[int | None]  # when the recount agreed, if the file is kept
    # How many backups had failed when this one began, including those whose rows are gone.
    failures_before: Mapped[int] = mapped_column(insert_default=FAILURES_BEFORE, server_default="0")
