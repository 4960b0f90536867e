"""The audit log, and the version of permissions."""

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import BigKey, Model, Name, Uuid, Word


class AccessVersion(Model):
    """A single row with a counter that increases whenever a permission is revoked (a session, a membership, a role), so
    that all servers notice.
    """

    __tablename__ = "access_version"

    id: Mapped[BigKey] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    people: Mapped[int] = mapped_column(server_default=text("0"))  # increases when other people online are named


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
