"""Accounts and their login sessions: sign up, log in, refresh, log out, change the password."""

import logging
import secrets
import uuid
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core import credential_rules
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import EmailTaken, InvalidToken, UnknownUser, WrongCredentials
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import OPERATOR, Account, Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.search import usable
from koyjabo.base.network import client_address, user_agents
from koyjabo.people.accounts import email_links, queries
from koyjabo.people.accounts.audit_entries import own_entry, subject
from koyjabo.people.accounts.grants import Grant, LoginProof, browser_mark_of, grant_of
from koyjabo.people.accounts.hash_queue import OPERATOR_CLIENT, PasswordClient
from koyjabo.people.accounts.models import LoginSession
from koyjabo.people.accounts.passwords import Passwords, is_outdated
from koyjabo.people.accounts.pending_steps import PendingSteps, TwoStepDue
from koyjabo.people.audit import log
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL, MailOutbox
from koyjabo.people.models import User
from koyjabo.web.login.claims import Claims
from koyjabo.web.login.tokens import REFRESH_TOKEN_S

logger = logging.getLogger(__name__)


class Accounts(Changes):
    """Accounts of users. Normalises emails, passwords and names with `credential_rules`.

    After a commit, `on_revoked` is called with the id of an ended session, or of a user whose sessions have ended.
    `unlock` clears the failed logins of an email key, and `pending` begins two-step logins. All methods raise
    LedgerUnavailable. Methods that take a password also raise TooBusy; `client` decides the password's place in the
    hash queue.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        passwords: Passwords,
        on_revoked: Callable[[str], object],
        unlock: Callable[[str], object],
        pending: PendingSteps,
        outbox: MailOutbox,
    ) -> None:
        super().__init__(database, clock, on_revoked)
        self._unlock = unlock
        self._pending = pending
        self._passwords = passwords
        self._outbox = outbox

    def sign_up(
        self,
        email: str,
        password: str,
        name: str | None = None,
        user_agent: str = "",
        client: PasswordClient = OPERATOR_CLIENT,
        visitor_id: str | None = None,
        language: str | None = None,
        permit: Callable[[Any, str], object] = lambda session, user_id: None,
    ) -> Grant | TwoStepDue:
        """Create an account, log it in, and email a link that confirms the address. `permit` uses up what permits it,
        in the same transaction, and may raise errors. Raises EmailTaken.
        """
        user = self._new_user(email, password, name, client=client, language=language)
        new = None if self._pending.is_required(user) else self._new_session(user.id, user_agent)
        entry = own_entry(log.anonymous(user.created_ms), "user.sign_up", user)
        queued_email = email_links.verification(self._outbox, user.id, user.email, language)

        def operation(session: Session) -> None:
            queries.add_user(session, user)
            permit(session, user.id)
            if new is not None:
                session.add(new)

        self._database.write(operation, audit=entry, mail=queued_email)
        if new is None:
            return self._pending.begin_enrolment(user, visitor_id, is_new_account=True)
        return grant_of(user, new)

    def log_in(
        self,
        email: str,
        password: str,
        user_agent: str = "",
        client: PasswordClient = OPERATOR_CLIENT,
        cookie: str = "",
        visitor_id: str | None = None,
    ) -> Grant | TwoStepDue:
        """Log in.

        Raises WrongCredentials, whose message and timing do not reveal whether the user exists. The user gets an email
        about a login from an unfamiliar browser. `cookie` comes from a browser that may skip the two-step login.
        `visitor_id` is kept until the login is complete.
        """
        for _ in range(2):  # retry once if the password hash or two-step login was changed concurrently
            user = self._verified(email, password, client)
            outcome = self.begin(user, user_agent, client.is_familiar, cookie, visitor_id)
            if outcome is not None:
                return outcome
        raise WrongCredentials

    def begin(
        self,
        user: User,
        user_agent: str,
        is_familiar: bool,
        cookie: str = "",
        visitor_id: str | None = None,
        proof: LoginProof | None = None,
    ) -> Grant | TwoStepDue | None:
        """Begin a session or a two-step login, as in `log_in`, once the password or a link (`proof`) has proved who the
        user is. None if the user was changed or `proof` was used in the meantime.
        """
        due = self._pending.begin_if_due(user, cookie, visitor_id)
        if due and proof and not self._database.write(proof.settle):
            return None
        return due or self.open_session(user, user_agent, is_familiar, proof)

    def open_session(
        self, user: User, user_agent: str, is_familiar: bool, proof: LoginProof | None = None
    ) -> Grant | None:
        """Begin a session after all steps were verified. None if the user was changed or `proof` was used in the
        meantime.
        """
        new = self._new_session(user.id, user_agent)
        details = {proof.kind: proof.method} if proof else {}
        is_event = user.account.sees_panel and not is_familiar
        action = "session.new_browser" if is_event else "session.begin"
        entry = own_entry(log.anonymous(new.created_ms), action, user, **details)
        queued_email = None if is_familiar else email_links.sign_in(self._outbox, user, new)

        def operation(session: Session) -> bool:
            now = queries.locked(session, user.id)
            if now is None or now.disabled_ms is not None or _steps_of(now) != _steps_of(user):
                return False
            if proof and not proof.settle(session):
                return False
            session.add(new)
            entry.store(session)
            if queued_email is not None:
                queued_email.store(session)
            return True

        return grant_of(user, new) if self._database.write(operation) else None

    def refresh(self, claims: Claims) -> Grant:
        """Renew a session with its refresh token. Raises InvalidToken. If an earlier token is sent again, it or its
        successor was stolen, and the session ends; but not within TOGETHER_MS of a renewal, because another tab may
        have sent the token, or the response may have been lost.
        """
        new = self._new_session(claims.user_id)
        new.id, new.refresh_id = claims.session_id, queries.successor(claims.session_id, claims.token_id)
        client = log.anonymous(new.created_ms)

        def operation(session: Session) -> tuple[User | None, bool]:
            """The user, and whether the session was renewed, or ended."""
            row = session.get(LoginSession, new.id, with_for_update=True)
            user = queries.of_session(session, new.id, new.created_ms, policy=self._pending.policy)
            if row is None or user is None or user.id != claims.user_id:
                return None, False
            if row.refresh_id == claims.token_id:
                row.refresh_id, row.expires_ms, row.renewed_ms = new.refresh_id, new.expires_ms, new.created_ms
                return user, True
            since_ms = new.expires_ms - row.expires_ms  # since the last renewal, because each has the same lifetime
            is_stolen = since_ms >= queries.TOGETHER_MS
            if is_stolen:
                queries.revoke_session(session, new.id, new.created_ms)
                own_entry(client, "session.replay", user).store(session)
            return None, is_stolen

        user, is_changed = self._database.write(operation)
        if user is not None:
            return grant_of(user, new)
        if is_changed:
            self._on_revoked(claims.session_id)
        raise InvalidToken

    def log_out(self, session_id: str) -> None:
        """End a session, with all its tokens. Idempotent."""
        client = log.anonymous(self._clock.now_ms())

        def operation(session: Session) -> bool:
            user = queries.of_session(session, session_id, client.at_ms)
            if user is None or not queries.revoke_session(session, session_id, client.at_ms):
                return False
            own_entry(client, "session.end", user).store(session)
            return True

        if self._database.write(operation):
            self._on_revoked(session_id)

    def login_of(self, session_id: str, refresh_id: str | None = None) -> Login | None:
        """The login of a session.

        None if it is revoked or expired, or if its user is disabled or lacks the two-step login that REQUIRE_TWO_FACTOR
        requires. A given `refresh_id` must be its valid refresh token, or one renewed less than TOGETHER_MS ago.
        """
        now_ms, policy = self._clock.now_ms(), self._pending.policy
        user = self._database.read(queries.of_session, session_id, now_ms, refresh_id, policy)
        return Login(user.account, session_id) if user else None

    def browser_mark(self, email: str) -> str:
        """The mark of a user's familiar browsers; "" for an unknown email. Takes equally long for all emails."""
        user = self._find(email)
        return browser_mark_of(user) if user else ""

    def names(self, user_ids: Collection[str]) -> dict[str, tuple[str, bool]]:
        """Names by id, and whether the user appears offline; unknown ids are missing. Meant for about 1,000 ids."""
        query = select(User.id, User.name, User.appear_offline).where(User.id.in_(user_ids))
        rows = self._database.read(lambda session: session.execute(query).all()) if user_ids else []
        return {row.id: (row.name, row.appear_offline) for row in rows}

    @transaction
    def appear_offline(self, tx: Transaction, account: Account, is_on: bool) -> Account:
        """Appear offline, or no longer, to all other people. Returns the changed account."""
        if queries.appear_offline(tx.session, account.id, is_on):
            tx.show_others(account.id)
        return account._replace(appear_offline=is_on)

    def change_password(self, login: Login, current: str, new: str, client: PasswordClient = OPERATOR_CLIENT) -> str:
        """Change the password, end all other sessions, and make all browsers unfamiliar. Returns the new mark of
        familiar browsers. Raises WrongCredentials.
        """
        user = self.verify_password(login, current, client)
        return self._replace_hash(login, user, self._passwords.hash(credential_rules.password(new), client))

    def change_profile(self, user: User, name: str | None = None, email: str | None = None) -> Account:
        """Change the given fields. A new email has to be verified, and both addresses get an email. Returns the changed
        account.

        The password of `user` must have been verified. Raises EmailTaken, and WrongCredentials if the user has changed
        since.
        """
        email = user.email if email is None else credential_rules.email(email)
        name = user.name if name is None else credential_rules.name(name, of=email)
        changed = user.account._replace(name=name, email=email)
        fields = [field for field in ("name", "email") if getattr(changed, field) != getattr(user, field)]
        if not fields:
            return changed
        is_new = credential_rules.email_key(email) != credential_rules.email_key(user.email)
        to_old, to_new = email_links.email_changed(self._outbox, user, email) if is_new else (None, None)
        entry = log.actor(user.account, self._clock).entry("user.change", subject(user), fields=", ".join(fields))

        def operation(session: Session) -> None:
            now = queries.require_unchanged(session, user)
            # First, while the old address may still count as confirmed, which exempts it from the limit.
            if to_old is not None:
                to_old.store(session)
            queries.change_profile(session, now, name, email)

        self._database.write(operation, audit=entry, mail=to_new)
        return changed

    def verify_password(self, login: Login, password: str, client: PasswordClient = OPERATOR_CLIENT) -> User:
        """Verify the password before a change that a stolen session must not make. Raises WrongCredentials."""
        user = self._database.read(queries.by_id, login.account.id)
        if not self._passwords.matches(password, user.password if user else None, client) or user is None:
            raise WrongCredentials(N_("That is not your current password."))
        return user

    def find(self, email: str) -> Account | None:
        user = self._find(email)
        return user.account if user else None

    # Only for the operator: on the command line and at startup.

    def create(self, email: str, password: str, name: str | None = None, is_admin: bool = False) -> Account:
        """Create an account. Raises EmailTaken."""
        user = self._new_user(email, password, name, is_admin)
        by = log.actor(OPERATOR, self._clock)
        self._database.write(queries.add_user, user, audit=by.entry("user.create", subject(user), is_admin=is_admin))
        return user.account

    def ensure_admin(self, email: str, password: str) -> bool:
        """Create the site's first admin, unless the email already belongs to a user. Returns False if this process did
        not create it.
        """
        account = self.find(email)
        if account is not None:
            if not account.is_admin:  # do not promote an existing user: nothing proves that they own the address
                logger.warning("admin_email_is_no_admin try='koyjabo user role'")
            return False
        try:
            self.create(email, password, is_admin=True)
        except EmailTaken:  # another process has just created it
            return False
        return True

    def make_up_admin(self) -> str | None:
        """Create an admin with the PLACEHOLDER email, and return its password. None if this process did not."""
        password = secrets.token_urlsafe(12)
        has_users = self._database.read(lambda session: session.scalar(select(exists().where(queries.HAS_ACCOUNT))))
        if has_users or not self.ensure_admin(PLACEHOLDER_EMAIL, password):
            return None
        return password

    def set_password(self, email: str, password: str) -> Account:
        """Set a password, end all sessions of the user, and clear failed logins. Familiar browsers stay familiar.
        Raises UnknownUser.
        """
        user = self._find(email)
        if user is None:
            raise UnknownUser
        hashed = self._passwords.hash(credential_rules.password(password))
        self._set_hash(OPERATOR, user, hashed)
        self._unlock(credential_rules.email_key(user.email))
        return user.account

    @transaction
    def _set_hash(self, tx: Transaction, operator: Account, user: User, hashed: str) -> None:
        changed = queries.locked(tx.session, user.id)
        if changed is not None:
            queries.change_password(tx.session, changed, hashed, tx.at_ms, browser_mark_of(user))
            tx.log("user.password", subject(changed))
        tx.revoked.append(user.id)

    def _new_user(
        self,
        email: str,
        password: str,
        name: str | None,
        is_admin: bool = False,
        client: PasswordClient = OPERATOR_CLIENT,
        language: str | None = None,
    ) -> User:
        email, hashed = credential_rules.email(email), self._passwords.hash(credential_rules.password(password), client)
        return User(
            id=str(uuid.uuid4()),
            email=email,
            email_key=credential_rules.email_key(email),
            name=credential_rules.name(name, of=email),
            password=hashed,
            is_admin=is_admin,
            is_viewer=False,
            created_ms=self._clock.now_ms(),
            language=language,
        )

    def _verified(self, email: str, password: str, client: PasswordClient) -> User:
        """The user with this email and password. Replaces a hash with outdated parameters. Raises WrongCredentials."""
        user = self._find(email)
        matches = self._passwords.matches(password, user.password if user else None, client)
        if user is None or not matches or user.disabled_ms is not None:
            raise WrongCredentials
        if is_outdated(user.password):
            hashed, mark = self._passwords.hash(password, client), browser_mark_of(user)
            same = update(User).where(User.id == user.id, User.password == user.password)
            change = same.values(password=hashed, browser_mark=mark)
            self._database.write(lambda session: session.execute(change))
            user.password, user.browser_mark = hashed, mark
        return user

    def _find(self, email: str) -> User | None:
        return self._database.read(queries.by_email, email)

    def _new_session(self, user_id: str, user_agent: str = "") -> LoginSession:
        now_ms = self._clock.now_ms()
        return LoginSession(
            id=str(uuid.uuid4()),
            user_id=user_id,
            refresh_id=str(uuid.uuid4()),
            created_ms=now_ms,
            expires_ms=now_ms + REFRESH_TOKEN_S * 1000,
            user_agent=usable(user_agent[: user_agents.MAX_USER_AGENT_LENGTH]),
            place=client_address.current_place.get(),
        )

    @transaction
    def _replace_hash(self, tx: Transaction, login: Login, user: User, hashed: str) -> str:
        """Replace the password that `user` has. Raises WrongCredentials if the password has changed since."""
        changed = queries.locked(tx.session, user.id)
        if changed is None or changed.password != user.password:
            raise WrongCredentials(N_("The password was just changed in another session."))
        queries.change_password(tx.session, changed, hashed, tx.at_ms, kept_session_id=login.session_id)
        tx.log("user.password", subject(changed))
        tx.revoked.append(user.id)
        return browser_mark_of(changed)


def _steps_of(user: User) -> tuple[Any, ...]:
    """The user's values that decide which steps a login needs."""
    return user.password, user.second_factor_ms, user.is_admin
