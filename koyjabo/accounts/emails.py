"""Emails to users about their own account, and to people they invite (`koyjabo.mail.contents` has the texts)."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from koyjabo.accounts import email_link_queries
from koyjabo.accounts.email_link_queries import EmailChanged
from koyjabo.accounts.queries import NewSession, UserRecord
from koyjabo.core.identity import Account
from koyjabo.mail.link_tokens import VERIFY
from koyjabo.mail.outbox import MailOutbox
from koyjabo.mail.outbox_queries import QueuedEmail
from koyjabo.network import user_agents

Mailed = Literal["queued", "unavailable", "unconfirmed", "limited"]
"""An email's outcome: `queued` for sending; `unavailable`, because the server cannot send emails, or cannot send them
to this address; `unconfirmed`, because the inviter has not confirmed their own email; or `limited`, because today's
limit on emails to strangers is used up.
"""


class Invited(NamedTuple):
    """A new invitation."""

    token: str  # of the link
    mail: Mailed  # does not reveal whether an account has this email


def send_invitation(session: Any, account: Account, queued_email: QueuedEmail | None) -> Mailed:
    """Queue the email to the invited person, in the same transaction as `account`'s invitation."""
    if queued_email is None:
        return "unavailable"
    if not email_link_queries.state(session, account.id).is_verified:
        return "unconfirmed"
    return "queued" if queued_email.store(session) else "limited"


def verification(outbox: MailOutbox, user_id: str, email: str, language: str | None) -> QueuedEmail | None:
    """An email with a link that confirms the address."""
    return outbox.email(VERIFY, email, language, owner=user_id, user=user_id)


def sign_in(outbox: MailOutbox, person: UserRecord, new: NewSession) -> QueuedEmail | None:
    """An email about a login from an unfamiliar browser."""
    browser = user_agents.of(new.user_agent)
    names = {"browser": browser.name, "system": browser.system, "place": new.place}
    return outbox.email("sign_in", person.email, person.language, owner=person.id, at_ms=new.now_ms, **names)


def email_changed(outbox: MailOutbox, account: Account, new: str) -> EmailChanged:
    """The emails about a changed address. Pass it as `mail` to the `write` that changes it."""
    return EmailChanged(
        account.id,
        outbox.email("email_changed", account.email, None, owner=account.id),
        outbox.email("email_new", new, None, owner=account.id, user=account.id),
    )
