"""Mail: emails to send, the links in them, and invitations. No table contains the token of a link
(`koyjabo.mail.link_tokens`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.models.columns import BigKey, Model


class OutboxMail(Model):
    """A mail that waits, was sent, or has failed. Its address and data are removed afterwards."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "done_ms", "kind", "due_ms"),
        Index("ix_outbox_recipient", "recipient", "kind"),
        Index("uq_outbox_once", "once", unique=True),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))  # one of `koyjabo.mail.contents.KINDS`
    email: Mapped[str] = mapped_column(String(254))
    recipient: Mapped[str] = mapped_column(String(64))  # a keyed hash of the email, to limit mails to one address
    language: Mapped[str | None] = mapped_column(String(8))
    data: Mapped[str] = mapped_column(Text)  # JSON: names, ids and numbers, no secrets
    once: Mapped[str | None] = mapped_column(String(64))  # a keyed hash; only the first row with a value is stored
    created_ms: Mapped[int] = mapped_column(BigInteger)
    due_ms: Mapped[int] = mapped_column(BigInteger)  # the next attempt
    attempts: Mapped[int] = mapped_column(Integer)
    failure: Mapped[str | None] = mapped_column(Text)  # of the last attempt: an SMTP status or the kind of the error
    done_ms: Mapped[int | None] = mapped_column(BigInteger)  # sent, or given up if there is a `failure`


class MailBudget(Model):
    """How many mails an account, a network or the server sent to strangers on a day."""

    __tablename__ = "mail_budgets"
    __table_args__ = (Index("ix_mail_budgets_expires", "expires_ms"), {"sqlite_with_rowid": False})

    key: Mapped[str] = mapped_column(String(32), primary_key=True)  # a keyed hash that changes daily
    used: Mapped[int] = mapped_column(Integer)
    expires_ms: Mapped[int] = mapped_column(BigInteger)


class EmailLink(Model):
    """A link that was mailed to a user: `purpose` is `reset` or `verify`. Using it deletes the row."""

    __tablename__ = "email_links"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    email_key: Mapped[str] = mapped_column(String(254))  # the address it was sent to; void if the user's email changes
    expires_ms: Mapped[int] = mapped_column(BigInteger, index=True)


class Invitation(Model):
    """An offer of a role in a community, to the owner of its link. Accepting or declining deletes the row."""

    __tablename__ = "invitations"
    __table_args__ = (Index("uq_invitations_community_email", "community_id", "email_key", unique=True),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    community_id: Mapped[str] = mapped_column(String(36), ForeignKey("communities.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), index=True)
    role: Mapped[str] = mapped_column(String(16))
    invited_by: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger, index=True)


class PanelInvitation(Model):
    """An offer of a role on the site, which gives access to the panel, to the owner of its link. Accepting or
    declining deletes the row.
    """

    __tablename__ = "panel_invitations"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    role: Mapped[str] = mapped_column(String(16))  # one of SITE_ROLES, except the lowest
    invited_by: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger, index=True)
