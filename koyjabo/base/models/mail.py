"""Tables for emails to send, the links in them, and invitations. They do not contain the links' tokens
(`koyjabo.people.mail.link_tokens`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from koyjabo.base.models.accounts import Community, User
from koyjabo.base.models.columns import BigKey, Model


class OutboxMail(Model):
    """An email that is waiting, sent or failed. Its address and data are removed once it is sent or has failed."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "done_ms", "kind", "due_ms"),
        Index("ix_outbox_recipient", "recipient", "kind"),
        Index("uq_outbox_once", "once", unique=True),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))  # one of `koyjabo.people.mail.contents.KINDS`
    email: Mapped[str] = mapped_column(String(254))
    recipient: Mapped[str] = mapped_column(String(64))  # a keyed hash of the address, to limit the emails sent to it
    language: Mapped[str | None] = mapped_column(String(8))
    data: Mapped[str] = mapped_column(Text)  # JSON: names, ids and numbers, no secrets
    once: Mapped[str | None] = mapped_column(String(64))  # a keyed hash; a second row with the same value is not stored
    created_ms: Mapped[int] = mapped_column(BigInteger)
    due_ms: Mapped[int] = mapped_column(BigInteger)  # the next attempt
    attempts: Mapped[int] = mapped_column(Integer)
    failure: Mapped[str | None] = mapped_column(Text)  # the last attempt's SMTP status or kind of error
    done_ms: Mapped[int | None] = mapped_column(BigInteger)  # when it was sent, or given up if there is a `failure`


class MailBudget(Model):
    """How many emails to strangers an account, a network or the whole server has sent on one day."""

    __tablename__ = "mail_budgets"
    __table_args__ = (Index("ix_mail_budgets_expires", "expires_ms"), {"sqlite_with_rowid": False})

    key: Mapped[str] = mapped_column(String(32), primary_key=True)  # a keyed hash that changes daily
    used: Mapped[int] = mapped_column(Integer)
    expires_ms: Mapped[int] = mapped_column(BigInteger)


class EmailLink(Model):
    """A link that was emailed to a user; `purpose` is `reset` or `verify`. Using the link deletes the row."""

    __tablename__ = "email_links"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    email_key: Mapped[str] = mapped_column(String(254))  # the link is invalid once the user's email has changed
    expires_ms: Mapped[int] = mapped_column(BigInteger, index=True)


class Invitation(Model):
    """An invitation to a role in a community. Anyone with the link can use it. Accepting or declining it deletes the
    row.
    """

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
    inviter: Mapped[User] = relationship(lazy="raise", viewonly=True)
    community: Mapped[Community] = relationship(lazy="raise", viewonly=True)


class PanelInvitation(Model):
    """An invitation to a role on the site, with access to the panel. Anyone with the link can use it. Accepting or
    declining it deletes the row.
    """

    __tablename__ = "panel_invitations"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    role: Mapped[str] = mapped_column(String(16))  # any of SITE_ROLES except the lowest
    invited_by: Mapped[str] = mapped_column(String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger, index=True)
    inviter: Mapped[User] = relationship(lazy="raise", viewonly=True)
    community = None  # unlike `Invitation`, it leads to the panel
