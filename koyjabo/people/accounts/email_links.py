"""Emails to users about their own account: links (reset a password, confirm an email), logins, changed addresses, and
their choice of other emails (`koyjabo.people.mail.contents` has the texts).
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core import credential_rules
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import InvalidInput, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.link_tokens import EMAIL_VERIFICATION, LOGIN_LINK, PASSWORD_RESET, LinkTokens
from koyjabo.base.database import upkeep_rules
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import change_in_database
from koyjabo.people.audit import log
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.mail import outbox_queries
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL, MailOutbox
from koyjabo.people.mail.outbox_queries import QueuedEmail
from koyjabo.people.models import User
from . import queries
from .audit_entries import own_entry, subject
from .errors import UnknownLink
from .grants import LoginProof
from .hash_queue import OPERATOR_CLIENT, PasswordClient
from .models import EmailLink, Invitation, LoginSession, PanelInvitation
from .passwords import Passwords

RESET_MS, VERIFY_MS = 30 * 60_000, 7 * 86_400_000
LIFETIME_MS = {PASSWORD_RESET: RESET_MS, EMAIL_VERIFICATION: VERIFY_MS}

NO_INBOX_TEXT = N_("The address of your account has no inbox. Enter your own email first.")


class EmailLinks(Changes):
    """Sends and redeems emailed links. All methods raise LedgerUnavailable.

    After a password reset, `on_revoked` is called with the user's id, and `unlock` with their email key, to clear
    failed logins.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        passwords: Passwords,
        outbox: MailOutbox,
        tokens: LinkTokens,
        on_revoked: Callable[[str], object],
        unlock: Callable[[str], object],
    ) -> None:
        super().__init__(database, clock, on_revoked)
        self._passwords = passwords
        self._outbox = outbox
        self._tokens = tokens
        self._unlock = unlock
        outbox.prepare(
            {
                PASSWORD_RESET: _prepare_reset,
                EMAIL_VERIFICATION: _prepare_verification,
                "email_new": _prepare_verification,
            }
        )

    def request_reset(self, email: str, language: str) -> None:
        """Email a password reset link to the user with this email address. Raises MailUnavailable.

        The user is only looked up when the email is sent, so this call takes the same time for every address.
        """
        self._outbox.require()
        queued_email = self._outbox.email_to_unknown(PASSWORD_RESET, email, language)
        self._database.write(lambda session: None, mail=queued_email)

    def check_reset(self, token: str) -> bool:
        """Whether the link takes the account over (see `reset_password`). Raises UnknownLink."""
        link_id, now_ms = self._id(PASSWORD_RESET, token), self._clock.now_ms()
        return _is_takeover(self._database.read(_user_of, link_id, PASSWORD_RESET, now_ms))

    def reset_password(self, token: str, password: str, client: PasswordClient = OPERATOR_CLIENT) -> User:
        """Replace the password, end all sessions, and make all browsers unfamiliar. Returns the changed user. Raises
        UnknownLink, TooBusy.

        If the email was confirmed before, two-step login stays on. Otherwise the account is taken over, which removes
        its two-step login, share links and invitations (specification: Unconfirmed emails).
        """
        self.check_reset(token)  # before hashing, which takes time
        hashed = self._passwords.hash(credential_rules.password(password), client)
        by, link_id = log.anonymous(self._clock.now_ms()), self._id(PASSWORD_RESET, token)

        def operation(session: Session) -> User:
            link = session.get(EmailLink, link_id)
            if link is not None:  # the email cannot be verified and no role can be given in between
                queries.locked(session, link.user_id)
            user = _user_of(session, link_id, PASSWORD_RESET, by.at_ms)
            was_taken_over = _is_takeover(user)
            _use(session, link_id, user, PASSWORD_RESET, by.at_ms)
            if was_taken_over:
                _revoke_credentials(session, user)
            queries.change_password(session, user, hashed, by.at_ms)
            details = {"taken_over": True} if was_taken_over else {}
            own_entry(by, "user.password_reset", user, **details).store(session)
            return user

        user = self._database.write(operation)
        self._on_revoked(user.id)
        with suppress(LedgerUnavailable):  # the password is already changed, and the limit recovers by itself
            self._unlock(email_key(user.email))
        return user

    def printed(self, token: str) -> tuple[User, LoginProof]:
        """The first admin, and the proof that a printed link gives. Raises UnknownLink."""
        link_id = self._id(LOGIN_LINK, token)
        # The start that printed it knew only the system's clock.
        user = self._database.read(_user_of, link_id, LOGIN_LINK, self._clock.system_ms())
        return user, LoginProof("printed", partial(_use_up, link_id=link_id), "link")

    def request_verification(self, account: Account) -> bool:
        """Email the link again. Returns False if today's limit on emails to strangers is used up. Raises
        MailUnavailable, and InvalidInput if no inbox has the account's address.
        """
        self._outbox.require()
        if account.email == PLACEHOLDER_EMAIL:
            raise InvalidInput(details={"email": NO_INBOX_TEXT})
        user = self._database.read(queries.by_id, account.id)
        language = user.language if user else None
        queued_email = verification(self._outbox, account.id, account.email, language)
        return queued_email is None or self._database.write(queued_email.store)

    @transaction
    def verify(self, tx: Transaction, account: Account, token: str) -> None:
        """Verify the email of this account. Raises UnknownLink. Requires a login, because the link only proves that
        someone can read the email, not that they use the account.
        """
        link_id = self._id(EMAIL_VERIFICATION, token)
        user = _user_of(tx.session, link_id, EMAIL_VERIFICATION, tx.at_ms)
        if user.id != account.id:
            raise UnknownLink
        _use(tx.session, link_id, user, EMAIL_VERIFICATION, tx.at_ms)
        tx.log("user.verify", subject(user))

    def is_verified(self, account: Account) -> bool:
        is_verified = select(User.verified_ms.is_not(None)).where(User.id == account.id)
        return bool(self._database.read(lambda session: session.scalar(is_verified)))

    def choose_language(self, account: Account, language: str | None) -> None:
        """Choose the language of the user's emails."""
        change = update(User).where(User.id == account.id).values(language=language)
        self._database.write(lambda session: session.execute(change))

    def _id(self, purpose: str, token: str) -> str:
        return self._tokens.row_id(purpose, token) or ""


def verification(outbox: MailOutbox, user_id: str, email: str, language: str | None) -> QueuedEmail | None:
    """An email with a link that confirms the address."""
    return outbox.email(EMAIL_VERIFICATION, email, language, owner=user_id, user=user_id)


def sign_in(outbox: MailOutbox, user: User, new: LoginSession) -> QueuedEmail | None:
    """An email about a login from an unfamiliar browser."""
    names = {"browser": new.browser.name, "system": new.browser.system, "place": new.place}
    return outbox.email("sign_in", user.email, user.language, owner=user.id, at_ms=new.created_ms, **names)


def email_changed(outbox: MailOutbox, user: User, new: str) -> tuple[QueuedEmail | None, QueuedEmail | None]:
    """The emails about a changed address: to the old one, and to the new one, which is not verified yet."""
    return (
        outbox.email("email_changed", user.email, user.language, owner=user.id),
        outbox.email("email_new", new, user.language, owner=user.id, user=user.id),
    )


def _prepare_reset(session: Session, queued_email: QueuedEmail, now_ms: int) -> QueuedEmail | None:
    """Check whether the user exists just before sending, so that the request takes the same time for every email."""
    user = queries.by_email(session, queued_email.email)
    if user is None or user.disabled_ms is not None:
        return None
    charged = outbox_queries.charged(session, queued_email, user.id, now_ms)
    if charged is None:
        return None
    data = {**charged.data, "is_takeover": _is_takeover(user)}
    return _with_link(session, charged._replace(email=user.email, data=data), user, PASSWORD_RESET, now_ms)


def _prepare_verification(session: Session, queued_email: QueuedEmail, now_ms: int) -> QueuedEmail | None:
    """Prepare the email just before it is sent. Returns None if the user's email has changed or is already verified."""
    user = queries.by_id(session, queued_email.data["user"])
    if user is None or user.verified_ms is not None or email_key(user.email) != email_key(queued_email.email):
        return None
    return _with_link(session, queued_email, user, EMAIL_VERIFICATION, now_ms)


def _with_link(session: Session, queued_email: QueuedEmail, user: User, purpose: str, now_ms: int) -> QueuedEmail:
    link_id, expires_ms = str(uuid.uuid4()), now_ms + LIFETIME_MS[purpose]
    key = email_key(user.email)
    session.add(EmailLink(id=link_id, user_id=user.id, purpose=purpose, email_key=key, expires_ms=expires_ms))
    session.flush()
    language = user.language or queued_email.language
    return queued_email._replace(language=language, data={**queued_email.data, "link": link_id})


def _user_of(session: Session, link_id: str, purpose: str, now_ms: int) -> User:
    """The user that a valid link belongs to. Raises UnknownLink."""
    link = session.get(EmailLink, link_id)
    if link is None or link.purpose != purpose or link.expires_ms <= now_ms:
        raise UnknownLink
    user = queries.by_id(session, link.user_id)
    if user is None or user.disabled_ms is not None or email_key(user.email) != link.email_key:
        raise UnknownLink
    return user


def _is_takeover(user: User) -> bool:
    """Whether a password reset by email takes the account over, because its previous user never confirmed this email.
    Site admins and viewers always keep their two-step login: they were known when they got the role, and a mistyped
    address would belong to a stranger (specification: Unconfirmed emails).
    """
    return not (user.verified_ms is not None or user.is_admin or user.is_viewer)


def _use(session: Session, link_id: str, user: User, purpose: str, now_ms: int) -> None:
    """Use a valid link, which proves that the email is the user's. Revokes all the user's links for that purpose. Of
    several concurrent callers, all but one get UnknownLink.
    """
    if not _use_up(session, link_id):
        raise UnknownLink
    theirs = delete(EmailLink).where(EmailLink.user_id == user.id, EmailLink.purpose == purpose)
    change_in_database(session, theirs)
    user.verified_ms = user.verified_ms or now_ms


def _use_up(session: Session, link_id: str) -> bool:
    """Delete a link. Returns False if it was used in the meantime."""
    return change_in_database(session, delete(EmailLink).where(EmailLink.id == link_id)) == 1


def _revoke_credentials(session: Session, user: User) -> None:
    """Revoke all credentials and links created by the account's previous user (specification: Unconfirmed emails)."""
    queries.remove_two_step_login(session, user.id)
    for rules in upkeep_rules.all_rules():
        rules.revoke_created_by(session, user.id)
    for theirs in (Invitation.invited_by, PanelInvitation.invited_by):
        change_in_database(session, delete(theirs.class_).where(theirs == user.id))
