"""Emails to send, and the budgets of their senders. They do not contain the tokens
of links (`koyjabo.base.core.link_tokens`).
"""

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import PAIR_LOSS, BigKey, Digest, Email, Model


class OutboxMail(Model):
    """An email that is waiting, sent or failed. Its address and data are removed once it is sent or has failed."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "done_ms", "kind", "due_ms"),
        Index("ix_outbox_recipient", "recipient", "kind"),
        Index("uq_outbox_once", "once", unique=True, info={PAIR_LOSS: {"once": None}}),
    )

    id: Mapped[BigKey] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))  # one of `koyjabo.people.mail.contents.CONTENTS_BY_KIND`
    email: Mapped[Email]
    recipient: Mapped[Digest]  # a keyed hash of the address, to limit the emails sent to it
    language: Mapped[str | None] = mapped_column(String(8))
    data: Mapped[str]  # JSON: names, ids and numbers, no secrets
    once: Mapped[Digest | None]  # a keyed hash; a second row with the same value is not stored
    created_ms: Mapped[int]
    due_ms: Mapped[int]  # the next attempt
    attempts: Mapped[int] = mapped_column(Integer)
    failure: Mapped[str | None]  # the last attempt's SMTP status or kind of error
    done_ms: Mapped[int | None]  # when it was sent, or given up if there is a `failure`


class MailBudget(Model):
    """How many emails to strangers an account, a network or the whole server has sent on one day."""

    __tablename__ = "mail_budgets"
    __table_args__ = (Index("ix_mail_budgets_expires", "expires_ms"), {"sqlite_with_rowid": False})

    key: Mapped[str] = mapped_column(String(32), primary_key=True)  # a keyed hash that changes daily
    used: Mapped[int] = mapped_column(Integer)
    expires_ms: Mapped[int]
