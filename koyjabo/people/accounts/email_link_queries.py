"""Queries for emailed links, and for the emails that users have chosen to receive."""

import uuid
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.link_tokens import EMAIL_VERIFICATION, PASSWORD_RESET
from koyjabo.base.database import upkeep_rules
from koyjabo.base.database.rows import changed_rows
from koyjabo.people.mail import outbox_queries
from koyjabo.people.mail.outbox_queries import QueuedEmail
from koyjabo.people.models import User
from . import queries
from .errors import UnknownLink
from .models import EmailLink, Invitation, PanelInvitation

RESET_MS, VERIFY_MS = 30 * 60_000, 7 * 86_400_000
LIFETIME_MS = {PASSWORD_RESET: RESET_MS, EMAIL_VERIFICATION: VERIFY_MS}


def prepare_reset(session: Session, queued_email: QueuedEmail, now_ms: int) -> QueuedEmail | None:
    """Check whether the user exists just before sending, so that the request takes the same time for every email."""
    user = queries.by_email(session, queued_email.email)
    if user is None or user.disabled_ms is not None:
        return None
    charged = outbox_queries.charged(session, queued_email, user.id, now_ms)
    if charged is None:
        return None
    data = {**charged.data, "is_takeover": is_takeover(user)}
    return _with_link(session, charged._replace(email=user.email, data=data), user, PASSWORD_RESET, now_ms)


def prepare_verification(session: Session, queued_email: QueuedEmail, now_ms: int) -> QueuedEmail | None:
    """Prepare the email just before it is sent. Returns None if the user's email has changed or is already verified."""
    user = queries.by_id(session, queued_email.data["user"])
    if user is None or user.verified_ms is not None or email_key(user.email) != email_key(queued_email.email):
        return None
    return _with_link(session, queued_email, user, EMAIL_VERIFICATION, now_ms)


def find(session: Session, link_id: str, purpose: str, now_ms: int) -> User:
    """The user that a valid link belongs to. Raises UnknownLink."""
    link = session.get(EmailLink, link_id)
    if link is None or link.purpose != purpose or link.expires_ms <= now_ms:
        raise UnknownLink
    user = queries.by_id(session, link.user_id)
    if user is None or user.disabled_ms is not None or email_key(user.email) != link.email_key:
        raise UnknownLink
    return user


def use(session: Session, link_id: str, user: User, purpose: str, now_ms: int) -> None:
    """Use a link that `find` has found, which proves that the email is the user's.

    Revokes all the user's links for that purpose. Of several concurrent callers, all but one get UnknownLink.
    """
    mine = delete(EmailLink).execution_options(synchronize_session=False)
    if changed_rows(session, mine.where(EmailLink.id == link_id)) != 1:
        raise UnknownLink
    session.execute(mine.where(EmailLink.user_id == user.id, EmailLink.purpose == purpose))
    user.verified_ms = user.verified_ms or now_ms


def use_login(session: Session, link_id: str) -> bool:
    """Use up a printed link, which proves nothing about the email. False if it was used in the meantime."""
    return changed_rows(session, delete(EmailLink).where(EmailLink.id == link_id)) == 1


def is_takeover(user: User) -> bool:
    """Whether a password reset by email takes the account over, because its previous user never confirmed this email.
    Site admins and viewers always keep their two-step login: they were known when they got the role, and a mistyped
    address would belong to a stranger (specification: Unconfirmed emails).
    """
    return not (user.verified_ms is not None or user.is_admin or user.is_viewer)


def reset_password(session: Session, link_id: str, hashed: str, now_ms: int) -> tuple[User, bool]:
    """Replace the password. Returns the user, and whether the account was taken over. Raises UnknownLink."""
    link = session.get(EmailLink, link_id)
    if link is not None:  # the email cannot be verified and no role can be given in between
        queries.locked(session, link.user_id)
    user = find(session, link_id, PASSWORD_RESET, now_ms)
    was_taken_over = is_takeover(user)
    use(session, link_id, user, PASSWORD_RESET, now_ms)
    if was_taken_over:
        _revoke_credentials(session, user)
    queries.change_password(session, user, hashed, now_ms)
    return user, was_taken_over


def _revoke_credentials(session: Session, user: User) -> None:
    """Revoke all credentials and links created by the account's previous user (specification: Unconfirmed emails)."""
    queries.remove_two_step_login(session, user.id)
    for rules in upkeep_rules.all_rules():
        rules.revoke_created_by(session, user.id)
    for theirs in (Invitation.invited_by, PanelInvitation.invited_by):
        session.execute(delete(theirs.class_).where(theirs == user.id).execution_options(synchronize_session=False))


def is_verified(session: Session, user_id: str) -> bool:
    return bool(session.scalar(select(User.verified_ms.is_not(None)).where(User.id == user_id)))


def choose(session: Session, user_id: str, **values: Any) -> None:
    session.execute(update(User).where(User.id == user_id).values(**values))


def _with_link(session: Session, queued_email: QueuedEmail, user: User, purpose: str, now_ms: int) -> QueuedEmail:
    link_id, expires_ms = str(uuid.uuid4()), now_ms + LIFETIME_MS[purpose]
    key = email_key(user.email)
    session.add(EmailLink(id=link_id, user_id=user.id, purpose=purpose, email_key=key, expires_ms=expires_ms))
    session.flush()
    language = user.language or queued_email.language
    return queued_email._replace(language=language, data={**queued_email.data, "link": link_id})
