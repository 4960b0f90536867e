"""Emails to users about their own account: links (reset a password, confirm an email), logins, changed addresses, and
their choice of other emails (`koyjabo.people.mail.contents` has the texts).
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from koyjabo.base.core import credential_rules
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidInput, LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.link_tokens import EMAIL_VERIFICATION, LOGIN_LINK, PASSWORD_RESET, LinkTokens
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.people.audit import log
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL, MailOutbox
from koyjabo.people.mail.outbox_queries import QueuedEmail
from koyjabo.people.models import User
from . import email_link_queries, queries
from .audit_entries import own_entry, subject
from .errors import UnknownLink
from .grants import LoginProof
from .hash_queue import OPERATOR_CLIENT, PasswordClient
from .models import LoginSession
from .passwords import Passwords

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
                PASSWORD_RESET: email_link_queries.prepare_reset,
                EMAIL_VERIFICATION: email_link_queries.prepare_verification,
                "email_new": email_link_queries.prepare_verification,
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
        user = self._database.read(
            email_link_queries.find, self._id(PASSWORD_RESET, token), PASSWORD_RESET, self._clock.now_ms()
        )
        return email_link_queries.is_takeover(user)

    def reset_password(self, token: str, password: str, client: PasswordClient = OPERATOR_CLIENT) -> User:
        """Replace the password, end all sessions, and make all browsers unfamiliar. Returns the changed user. Raises
        UnknownLink, TooBusy.

        If the email was confirmed before, two-step login stays on. Otherwise the account is taken over, which removes
        its two-step login, share links and invitations (specification: Unconfirmed emails).
        """
        self.check_reset(token)  # before hashing, which takes time
        hashed = self._passwords.hash(credential_rules.password(password), client)
        by = log.anonymous(self._clock.now_ms())

        def operation(session: Any) -> User:
            link_id = self._id(PASSWORD_RESET, token)
            user, was_taken_over = email_link_queries.reset_password(session, link_id, hashed, by.at_ms)
            details = {"taken_over": True} if was_taken_over else {}
            own_entry(by, "user.password_reset", user, **details).store(session)
            return user

        user = self._database.write(operation)
        self._on_revoked(user.id)
        with suppress(LedgerUnavailable):  # the password is already changed, and the limit recovers by itself
            self._unlock(credential_rules.email_key(user.email))
        return user

    def printed(self, token: str) -> tuple[User, LoginProof]:
        """The first admin, and the proof that a printed link is. Raises UnknownLink."""
        link_id = self._id(LOGIN_LINK, token)
        user = self._database.read(email_link_queries.find, link_id, LOGIN_LINK, self._clock.now_ms())
        return user, LoginProof("printed", partial(email_link_queries.use_login, link_id=link_id), "link")

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
        user = email_link_queries.find(tx.session, link_id, EMAIL_VERIFICATION, tx.at_ms)
        if user.id != account.id:
            raise UnknownLink
        email_link_queries.use(tx.session, link_id, user, EMAIL_VERIFICATION, tx.at_ms)
        tx.log("user.verify", subject(user))

    def is_verified(self, account: Account) -> bool:
        return self._database.read(email_link_queries.is_verified, account.id)

    def choose(self, account: Account, **values: Any) -> None:
        """Choose the `language` of the user's emails."""
        self._database.write(email_link_queries.choose, account.id, **values)

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
