"""Accounts and their login sessions: sign up, log in, refresh, log out, change the password."""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Callable, Collection

from koyjabo.base.core import credential_rules
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import EmailTaken, InvalidToken, UnknownUser, WrongCredentials
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import OPERATOR, Account, Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.network import client_address, user_agents
from koyjabo.people.accounts import email_links, queries
from koyjabo.people.accounts.audit_entries import own_entry, subject
from koyjabo.people.accounts.login_session_queries import line
from koyjabo.people.accounts.login_sessions import Grant, Proof, account_of, browser_mark_of, grant_of
from koyjabo.people.accounts.passwords import OPERATOR_CLIENT, PasswordClient, Passwords, is_outdated, is_usable
from koyjabo.people.accounts.pending_steps import PendingSteps, SecondFactorDue
from koyjabo.people.accounts.queries import NewHash, NewSession, UserRecord
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.web.login.jwt import REFRESH_S, Claims

logger = logging.getLogger(__name__)

RECENT_MS = 10 * 60_000
MADE_UP_ADMIN = "admin@koyjabo.example"


class Accounts:
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
        self._on_revoked = on_revoked
        self._unlock = unlock
        self._pending = pending
        self._database = database
        self._clock = clock
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
    ) -> Grant | SecondFactorDue:
        """Create an account, log it in, and email a link that confirms the address. Raises EmailTaken."""
        person = self._new_person(email, password, name, client=client)._replace(language=language)
        new = self._new_session(str(uuid.uuid4()), user_agent)
        entry = own_entry(log.anonymous(new.now_ms), "user.sign_up", person)
        queued_email = email_links.verification(self._outbox, person.id, person.email, language)
        if self._pending.is_required(person):
            self._database.write(queries.add_user, person, new.now_ms, audit=entry, mail=queued_email)
            return self._pending.begin_enrolment(person, visitor_id, is_new_account=True)
        self._database.write(queries.sign_up, person, new, audit=entry, mail=queued_email)
        return grant_of(person, new)

    def log_in(
        self,
        email: str,
        password: str,
        user_agent: str = "",
        client: PasswordClient = OPERATOR_CLIENT,
        cookie: str = "",
        visitor_id: str | None = None,
    ) -> Grant | SecondFactorDue:
        """Log in.

        Raises WrongCredentials, whose message and timing do not reveal whether the user exists. The user gets an email
        about a login from an unfamiliar browser. `cookie` comes from a browser that may skip the two-step login.
        `visitor_id` is kept until the login is complete.
        """
        for _ in range(2):  # retry once if the password hash or two-step login was changed concurrently
            person = self._verified(email, password, client)
            outcome = self._pending.begin_if_due(person, cookie, visitor_id) or self.open_session(
                person, user_agent, client.is_familiar
            )
            if outcome is not None:
                return outcome
        raise WrongCredentials

    def open_session(
        self, person: UserRecord, user_agent: str, is_familiar: bool, proof: Proof | None = None
    ) -> Grant | None:
        """Begin a session after all steps were verified. None if the user was changed or `proof` was used in the
        meantime.
        """
        new = self._new_session(str(uuid.uuid4()), user_agent)
        details = {proof.kind: proof.method} if proof else {}
        entry = own_entry(log.anonymous(new.now_ms), "session.begin", person, **details)
        queued_email = None if is_familiar else email_links.sign_in(self._outbox, person, new)
        begun = self._database.write(
            queries.open_session,
            *(person, new, *([proof.settle] if proof else [])),
            audit=lambda begun: entry if begun else None,
            mail=lambda begun: queued_email if begun else None,
        )
        return grant_of(person, new) if begun else None

    def refresh(self, claims: Claims) -> Grant:
        """Renew a session with its refresh token. Raises InvalidToken. A token that is reused later must have been
        stolen, and ends the session.
        """
        refresh_id = queries.successor(claims.session_id, claims.token_id)
        new = self._new_session(claims.session_id)._replace(refresh_id=refresh_id)
        client = log.anonymous(new.now_ms)
        renewal = self._database.write(
            queries.renew_session,
            *(claims.user_id, claims.token_id, new, self._pending.policy),
            audit=lambda renewal: own_entry(client, "session.replay", renewal.ended),
        )
        if renewal.ended is not None:
            self._on_revoked(claims.session_id)
        if renewal.renewed is None:
            raise InvalidToken
        return grant_of(renewal.renewed, new)

    def log_out(self, session_id: str) -> None:
        """End a session, with all its tokens. Idempotent."""
        client = log.anonymous(self._clock.now_ms())
        ended = self._database.write(
            queries.end_session,
            *(session_id, client.at_ms),
            audit=lambda person: own_entry(client, "session.end", person),
        )
        if ended is not None:
            self._on_revoked(session_id)

    def login_of(self, session_id: str, refresh_id: str | None = None) -> Login | None:
        """The login of a session.

        None if it is revoked or expired, or if its user is disabled or lacks the two-step login that REQUIRE_TWO_FACTOR
        requires. A given `refresh_id` must be its valid refresh token, or one renewed less than TOGETHER_MS ago.
        """
        now_ms, policy = self._clock.now_ms(), self._pending.policy
        person = self._database.read(queries.of_session, session_id, now_ms, refresh_id, policy)
        return Login(account_of(person), session_id) if person else None

    def require_room(self, client: PasswordClient) -> None:
        """Raises TooBusy if the hash queue has no room for this client, before other work is done for it."""
        self._passwords.require_room(client)

    def browser_mark(self, email: str) -> str:
        """The mark of a user's familiar browsers; "" for an unknown email. Takes equally long for known and unknown
        emails.
        """
        person = self._find(email)
        return browser_mark_of(person) if person else ""

    def names(self, user_ids: Collection[str]) -> dict[str, str]:
        """User names by id; unknown ids are missing. Meant for about 1,000 ids at a time."""
        return self._database.read(queries.names, list(user_ids)) if user_ids else {}

    def change_password(self, login: Login, current: str, new: str, client: PasswordClient = OPERATOR_CLIENT) -> str:
        """Change the password, end all other sessions, and make all browsers unfamiliar. Returns the new mark of
        familiar browsers. Raises WrongCredentials.
        """
        person = self.verify_password(login, current, client)
        hashed = NewHash(self._passwords.hash(credential_rules.password(new), client))
        by = log.actor(login.account, self._clock)
        if not self._set_hash(by, person, hashed, old=person.password, kept_session_id=login.session_id):
            raise WrongCredentials(N_("The password was just changed in another session."))
        return browser_mark_of(person._replace(**hashed._asdict()))

    def set_first_password(self, login: Login, new: str, client: PasswordClient = OPERATOR_CLIENT) -> str:
        """Set the password of an account without one, in a session younger than RECENT_MS, because an older session may
        be stolen.

        Ends all other sessions. Returns the new mark of familiar browsers. Raises WrongCredentials.
        """
        person = self._database.read(queries.by_id, login.account.id)
        session = self._database.read(line, login.account.id, login.session_id, self._clock.now_ms())
        if person is None or session is None or is_usable(person.password):
            raise WrongCredentials(N_("This account already has a password."))
        if self._clock.now_ms() - session.created_ms >= RECENT_MS:
            raise WrongCredentials(N_("Log in again first. A password can be set within ten minutes after a login."))
        hashed = NewHash(self._passwords.hash(credential_rules.password(new), client))
        by = log.actor(login.account, self._clock)
        if not self._set_hash(by, person, hashed, old=person.password, kept_session_id=login.session_id):
            raise WrongCredentials(queries.OVERTAKEN)
        return browser_mark_of(person._replace(**hashed._asdict()))

    def change_profile(self, person: UserRecord, name: str | None = None, email: str | None = None) -> Account:
        """Change the given fields. A new email has to be verified, and both addresses get an email. Returns the changed
        account.

        The password of `person` must have been verified. Raises EmailTaken, and WrongCredentials if the person has
        changed since.
        """
        account = account_of(person)
        email = account.email if email is None else credential_rules.email(email)
        name = account.name if name is None else credential_rules.name(name, of=email)
        changed = account._replace(name=name, email=email)
        fields = [field for field in ("name", "email") if getattr(changed, field) != getattr(account, field)]
        if fields:
            self._store_profile(person, changed, fields)
        return changed

    def verify_password(self, login: Login, password: str, client: PasswordClient = OPERATOR_CLIENT) -> UserRecord:
        """Verify the password before a change that a stolen session must not make. Raises WrongCredentials."""
        person = self._database.read(queries.by_id, login.account.id)
        if person is not None and not is_usable(person.password):
            raise WrongCredentials(N_("Your account has no password. Set one on your account page first."))
        if not self._passwords.matches(password, person.password if person else None, client) or person is None:
            raise WrongCredentials(N_("That is not your current password."))
        return person

    def find(self, email: str) -> Account | None:
        person = self._find(email)
        return account_of(person) if person else None

    # Only for the operator: on the command line and at startup.

    def create(self, email: str, password: str, name: str | None = None, is_admin: bool = False) -> Account:
        """Create an account. Raises EmailTaken."""
        person, by = self._new_person(email, password, name, is_admin), log.actor(OPERATOR, self._clock)
        entry = by.entry("user.create", subject(person), is_admin=is_admin)
        self._database.write(queries.add_user, person, by.at_ms, audit=entry)
        return account_of(person)

    def ensure_admin(self, email: str, password: str) -> bool:
        """Create the site's first admin, unless the email already belongs to a user. Returns False if this process did
        not create it.
        """
        known = self.find(email)
        if known is not None:
            if not known.is_admin:  # do not promote an existing user: nothing proves that they own the address
                logger.warning("admin_email_is_no_admin try='koyjabo user role'")
            return False
        try:
            self.create(email, password, is_admin=True)
        except EmailTaken:  # another process has just created it
            return False
        return True

    def make_up_admin(self) -> str | None:
        """Create MADE_UP_ADMIN if there is no user. Returns its generated password; None if this process did not create
        it.
        """
        password = secrets.token_urlsafe(12)
        is_made = not self._database.read(queries.has_users) and self.ensure_admin(MADE_UP_ADMIN, password)
        return password if is_made else None

    def set_password(self, email: str, password: str) -> Account:
        """Set a password, end all sessions of the user, and clear failed logins. Familiar browsers stay familiar.
        Raises UnknownUser.
        """
        person = self._find(email)
        if person is None:
            raise UnknownUser
        hashed = NewHash(self._passwords.hash(credential_rules.password(password)), browser_mark_of(person))
        self._set_hash(log.actor(OPERATOR, self._clock), person, hashed)
        self._unlock(credential_rules.email_key(person.email))
        return account_of(person)

    def close(self) -> None:
        self._passwords.close()

    def _new_person(
        self,
        email: str,
        password: str,
        name: str | None,
        is_admin: bool = False,
        client: PasswordClient = OPERATOR_CLIENT,
    ) -> UserRecord:
        email, hashed = credential_rules.email(email), self._passwords.hash(credential_rules.password(password), client)
        return UserRecord(str(uuid.uuid4()), email, credential_rules.name(name, of=email), is_admin, hashed, False)

    def _verified(self, email: str, password: str, client: PasswordClient) -> UserRecord:
        """The user with this email and password. Raises WrongCredentials."""
        person = self._find(email)
        matches = self._passwords.matches(password, person.password if person else None, client)
        if person is None or not matches or person.is_disabled:
            raise WrongCredentials
        return self._renewed(person, password, client)

    def _find(self, email: str) -> UserRecord | None:
        return self._database.read(queries.by_email, email)

    def _new_session(self, session_id: str, user_agent: str = "") -> NewSession:
        now_ms = self._clock.now_ms()
        origin = user_agent[: user_agents.LONGEST], client_address.current_place.get()
        return NewSession(session_id, str(uuid.uuid4()), now_ms, now_ms + REFRESH_S * 1000, *origin)

    def _renewed(self, person: UserRecord, password: str, client: PasswordClient) -> UserRecord:
        """The user, after replacing a hash with outdated parameters."""
        if not is_outdated(person.password):
            return person
        hashed = NewHash(self._passwords.hash(password, client), browser_mark_of(person))
        self._database.write(queries.replace_hash, person.id, person.password, hashed)
        return person._replace(**hashed._asdict())

    def _set_hash(
        self, by: Actor, person: UserRecord, hashed: NewHash, old: str | None = None, kept_session_id: str = ""
    ) -> bool:
        entry = by.entry("user.password", subject(person))
        changed = self._database.write(
            queries.change_password,
            *(person.id, old, hashed, by.at_ms, kept_session_id),
            audit=lambda changed: entry if changed else None,
        )
        self._on_revoked(person.id)
        return changed

    def _store_profile(self, person: UserRecord, changed: Account, fields: list[str]) -> None:
        account = account_of(person)
        entry = log.actor(account, self._clock).entry("user.change", subject(account), fields=", ".join(fields))
        is_new = credential_rules.email_key(changed.email) != credential_rules.email_key(account.email)
        self._database.write(
            queries.change_profile,
            *(person, changed.name, changed.email),
            audit=entry,
            mail=email_links.email_changed(self._outbox, account, changed.email) if is_new else None,
        )
