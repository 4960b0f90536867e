"""Queries for emailed links, and for the emails that users have chosen to receive."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.database.rows import changed_rows
from koyjabo.base.models import ApiKey, EmailLink, Invitation, OidcIdentity, PanelInvitation, Share, User, Webhook
from koyjabo.people.accounts import queries
from koyjabo.people.accounts.queries import NewHash, UserRecord
from koyjabo.people.mail import outbox_queries
from koyjabo.people.mail.link_tokens import RESET, VERIFY
from koyjabo.people.mail.outbox_queries import QueuedEmail

RESET_MS, VERIFY_MS = 30 * 60_000, 7 * 86_400_000
LIFETIME_MS = {RESET: RESET_MS, VERIFY: VERIFY_MS}


class EmailState(NamedTuple):
    is_verified: bool
    wants_weekly_report: bool
    wants_traffic_alerts: bool


class Reset(NamedTuple):
    person: UserRecord  # before the change
    is_takeover: bool


class EmailChanged(NamedTuple):
    """The two emails about an address change: one to the old address, one to the new address, which is not verified
    yet. Store them after the change, in the same transaction.
    """

    user_id: str
    to_old: QueuedEmail | None
    to_new: QueuedEmail | None

    def store(self, session: Session) -> None:
        """Queue the email to the old address first, while that address may still count as confirmed, which exempts it
        from the limit.
        """
        person = queries.by_id(session, self.user_id)
        language = person.language if person else None
        if self.to_old is not None:
            self.to_old._replace(language=language).store(session)
        # The new email is not verified, and links to the old one must not change the account.
        session.execute(delete(EmailLink).where(EmailLink.user_id == self.user_id))
        session.execute(update(User).where(User.id == self.user_id).values(verified_ms=None))
        if self.to_new is not None:
            self.to_new._replace(language=language).store(session)


def prepare_reset(session: Session, queued_email: QueuedEmail, now_ms: int) -> QueuedEmail | None:
    """Check whether the user exists just before sending, so that the request takes the same time for every email."""
    person = queries.by_email(session, queued_email.email)
    if person is None or person.is_disabled:
        return None
    charged = outbox_queries.charged(session, queued_email, person.id, now_ms)
    if charged is None:
        return None
    data = {**charged.data, "is_takeover": is_takeover(person)}
    return _with_link(session, charged._replace(email=person.email, data=data), person, RESET, now_ms)


def prepare_verification(session: Session, queued_email: QueuedEmail, now_ms: int) -> QueuedEmail | None:
    """Prepare the email just before it is sent. Returns None if the user's email has changed or is already verified."""
    person = queries.by_id(session, queued_email.data["user"])
    if person is None or email_key(person.email) != email_key(queued_email.email) or person.is_verified:
        return None
    return _with_link(session, queued_email, person, VERIFY, now_ms)


def find(session: Session, link_id: str, purpose: str, now_ms: int) -> UserRecord | None:
    """The user that a valid link belongs to."""
    link = session.get(EmailLink, link_id)
    if link is None or link.purpose != purpose or link.expires_ms <= now_ms:
        return None
    person = queries.by_id(session, link.user_id)
    is_valid = person is not None and not person.is_disabled and email_key(person.email) == link.email_key
    return person if is_valid else None


def verify(session: Session, link_id: str, user_id: str, now_ms: int) -> UserRecord | None:
    """Verify this logged-in user's email with a link that was sent to it."""
    person = find(session, link_id, VERIFY, now_ms)
    return _use(session, link_id, VERIFY, now_ms) if person is not None and person.id == user_id else None


def _use(session: Session, link_id: str, purpose: str, now_ms: int) -> UserRecord | None:
    """Use a link once, which proves that the email is the user's.

    Revokes all the user's links for that purpose. Only one of several concurrent callers gets the user.
    """
    person = find(session, link_id, purpose, now_ms)
    mine = delete(EmailLink).execution_options(synchronize_session=False)
    if person is None or changed_rows(session, mine.where(EmailLink.id == link_id)) != 1:
        return None
    session.execute(mine.where(EmailLink.user_id == person.id, EmailLink.purpose == purpose))
    verified = func.coalesce(User.verified_ms, now_ms)
    session.execute(update(User).where(User.id == person.id).values(verified_ms=verified))
    return person


def is_takeover(person: UserRecord) -> bool:
    """Whether a password reset by email takes the account over, because its previous user never confirmed this email.
    Site admins and viewers always keep their two-step login: they were known when they got the role, and a mistyped
    address would belong to a stranger (decision 77).
    """
    return not (person.is_verified or person.is_admin or person.is_viewer)


def reset_password(session: Session, link_id: str, hashed: NewHash, now_ms: int) -> Reset | None:
    link = session.get(EmailLink, link_id)
    if link is not None:  # locks the row, so the email cannot be verified and no role can be given in between
        session.execute(select(User.id).where(User.id == link.user_id).with_for_update())
    person = _use(session, link_id, RESET, now_ms)
    if person is None:
        return None
    if is_takeover(person):
        _end_what_was_made(session, person.id)
    queries.change_password(session, person.id, None, hashed, now_ms)
    return Reset(person, is_takeover(person))


def _end_what_was_made(session: Session, user_id: str) -> None:
    """Revoke all credentials and links created by the account's previous user. Add new kinds of credentials here
    (specification: Unconfirmed emails).
    """
    queries.remove_second_factors(session, user_id)
    for theirs in (OidcIdentity.user_id, Share.created_by, Invitation.invited_by, PanelInvitation.invited_by):
        session.execute(delete(theirs.class_).where(theirs == user_id).execution_options(synchronize_session=False))
    for made in (ApiKey, Webhook):  # the site's keys and webhooks stay, because they belong to the operator
        theirs_there = delete(made).where(made.created_by == user_id, made.community_id.is_not(None))
        session.execute(theirs_there.execution_options(synchronize_session=False))
    session.execute(update(User).where(User.id == user_id).values(weekly_report=False, traffic_alerts=False))


def state(session: Session, user_id: str) -> EmailState:
    columns = (User.verified_ms.is_not(None), User.weekly_report, User.traffic_alerts)
    row = session.execute(select(*columns).where(User.id == user_id)).one_or_none()
    return EmailState(False, False, False) if row is None else EmailState(*map(bool, row))


def choose(session: Session, user_id: str, **values: Any) -> None:
    session.execute(update(User).where(User.id == user_id).values(**values))


def _with_link(
    session: Session, queued_email: QueuedEmail, person: UserRecord, purpose: str, now_ms: int
) -> QueuedEmail:
    link_id, expires_ms = str(uuid.uuid4()), now_ms + LIFETIME_MS[purpose]
    key = email_key(person.email)
    session.add(EmailLink(id=link_id, user_id=person.id, purpose=purpose, email_key=key, expires_ms=expires_ms))
    session.flush()
    language = person.language or queued_email.language
    return queued_email._replace(language=language, data={**queued_email.data, "link": link_id})
