"""Tables for the server's own records: nightly jobs, backups, the audit log, and events for webhooks."""

from typing import Any

from sqlalchemy import BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from koyjabo.base.models.accounts import Community
from koyjabo.base.models.columns import BigKey, JsonText, Model


class NightlyWork(Model):
    """Work that one worker does once a day: the last day it was started for, and the worker that started it.

    Some rows have another use: `folded` has the first day whose visits may not be rolled up yet
    (`upkeep.retention.retention_queries`). `import` is the lease of an import on PostgreSQL (`base.database.lease`).
    `mail`, `webhooks`, `insights`, `alerts` and `recount` are the leases of the workers that send emails and webhooks,
    store blocks for reports, check for alerts, and recount (`base.jobs.job_queries`).
    """

    __tablename__ = "nightly_work"
    __table_args__ = {"sqlite_with_rowid": False}

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[str] = mapped_column(String(10))
    worker: Mapped[str] = mapped_column(String(32))  # a name that the worker chose for this run
    seen_ms: Mapped[int] = mapped_column(BigInteger)  # that worker's last heartbeat
    ended_ms: Mapped[int | None] = mapped_column(BigInteger)


class DatabaseIdentity(Model):
    """A single row with the name of this database, created with the schema. Backups and restores skip it, so that
    servers never confuse what they remember about two databases.
    """

    __tablename__ = "database_identity"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1
    name: Mapped[str] = mapped_column(String(32))
    # last `koyjabo ledger accept` (`base.database.timelines`)
    accepted_ms: Mapped[int | None] = mapped_column(BigInteger)
    # The schema of the oldest version that can use this database. A migration that removes something raises it
    # (decision 99).
    compatible_from: Mapped[str] = mapped_column(String(32), server_default="0016")


class StoredSetting(Model):
    """A setting from the page Server or `koyjabo settings` (`koyjabo.upkeep.stored_settings`)."""

    __tablename__ = "stored_settings"
    __table_args__ = {"sqlite_with_rowid": False}

    name: Mapped[str] = mapped_column(String(64), primary_key=True)  # as in the environment
    value: Mapped[str] = mapped_column(Text)  # as in the environment; a secret is sealed


class DaySecret(Model):
    """The secret for hashing one day's anonymous visitors (`counting.anonymity`). Not included in backups."""

    __tablename__ = "day_secrets"
    __table_args__ = {"sqlite_with_rowid": False}

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    secret: Mapped[str] = mapped_column(Text)  # hexadecimal


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

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    actor_id: Mapped[str | None] = mapped_column(String(36))  # a user, DELETED, or None for the operator
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64))
    target_kind: Mapped[str] = mapped_column(String(16))
    target_id: Mapped[str] = mapped_column(String(36))
    target: Mapped[str] = mapped_column(String(254))
    details: Mapped[str] = mapped_column(Text)  # JSON
    place: Mapped[str] = mapped_column(Text)


class WebhookEvent(Model):
    """An event for webhooks, stored in the same transaction as the change. `key` is unique, so that no worker or retry
    records the event twice.
    """

    __tablename__ = "webhook_events"
    __table_args__ = (
        Index("ix_webhook_events_scope", "scope", "at_ms"),
        Index("ix_webhook_events_dispatched", "dispatched_ms", "at_ms"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    type: Mapped[str] = mapped_column(String(64))  # "milestone.reached"
    key: Mapped[str] = mapped_column(String(140), unique=True)  # "milestone:site:10000"
    scope: Mapped[str] = mapped_column(String(64))
    at_ms: Mapped[int] = mapped_column(BigInteger)
    data: Mapped[str] = mapped_column(Text)  # JSON
    dispatched_ms: Mapped[int | None] = mapped_column(BigInteger)  # when its deliveries were created; None: not yet
    community: Mapped[Community | None] = relationship(  # None for the site, or if the community was deleted
        primaryjoin=lambda: foreign(WebhookEvent.scope) == Community.id, lazy="raise", viewonly=True
    )


class StartingStep(Model):
    """A step in setting up a site (`getting_started`): the first page seen, or something that admins have hidden."""

    __tablename__ = "starting_steps"
    __table_args__ = {"sqlite_with_rowid": False}

    step: Mapped[str] = mapped_column(String(16), primary_key=True)
    done_ms: Mapped[int | None] = mapped_column(BigInteger)
    skipped_ms: Mapped[int | None] = mapped_column(BigInteger)
    host: Mapped[str | None] = mapped_column(Text)  # host of the first page on another host whose visit was counted
    ordinal: Mapped[int | None] = mapped_column(BigInteger)  # of that visit


FAILURES_BEFORE = text(
    "(SELECT coalesce(max(failures_before + CASE state WHEN 'failed' THEN 1 ELSE 0 END), 0) FROM backups)"
)


class JobColumns:
    """Columns shared by all long-running jobs (`base.jobs.job_queries`)."""

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    begun_by: Mapped[str] = mapped_column(String(200))  # the name of the admin who asked for it; "" for the server
    worker: Mapped[str] = mapped_column(String(32))  # as in NightlyWork
    begun_ms: Mapped[int] = mapped_column(BigInteger)
    seen_ms: Mapped[int] = mapped_column(BigInteger)  # the last heartbeat while it runs
    ended_ms: Mapped[int | None] = mapped_column(BigInteger)
    done: Mapped[int] = mapped_column(BigInteger)  # progress of this step, in rows, visits or bytes
    goal: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(Text)  # a sentence


class Backup(JobColumns, Model):
    """A backup that is running or finished, as of its last report. Backups and restores skip these rows, because the
    files outlive them.
    """

    __tablename__ = "backups"

    name: Mapped[str] = mapped_column(String(64), unique=True)  # file name
    state: Mapped[str] = mapped_column(String(16), index=True)  # `running`, `proven` or `failed`
    step: Mapped[str] = mapped_column(String(16))  # the step that is running or has failed
    bytes: Mapped[int | None] = mapped_column(BigInteger)  # size of the whole file
    made_ms: Mapped[int | None] = mapped_column(BigInteger)  # when its snapshot was taken
    epoch: Mapped[int | None] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)
    restored_total: Mapped[int | None] = mapped_column(BigInteger)  # recounted after a test restore
    proven_ms: Mapped[int | None] = mapped_column(BigInteger)  # when the recount agreed, if the file is kept
    # How many backups had failed when this one began, including those whose rows are gone.
    failures_before: Mapped[int] = mapped_column(BigInteger, insert_default=FAILURES_BEFORE, server_default="0")


class FileImport(JobColumns, Model):
    """A file that an admin uploaded for import, as of its last report. Only one worker has the file. Backups and
    restores skip these rows.
    """

    __tablename__ = "file_imports"

    state: Mapped[str] = mapped_column(String(16))  # checking, checked, importing, done, failed or cancelled
    asked: Mapped[str] = mapped_column(String(16))  # what an admin has asked the worker to do: "", import or cancel
    file: Mapped[list[Any]] = mapped_column(JsonText)  # the file's name, size and format
    preview: Mapped[dict[str, Any] | None] = mapped_column(JsonText)  # a preview of the import
    result: Mapped[dict[str, Any] | None] = mapped_column(JsonText)  # imported so far, even if interrupted
