"""People with an account: who they are, and the sessions in which they are logged in."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

from koyjabo import credentials
from koyjabo.clock import Clock
from koyjabo.errors import InvalidToken, UnknownUser, WrongCredentials
from koyjabo.passwords import Passwords, is_outdated
from koyjabo.storage import accounts as records
from koyjabo.storage.accounts import NewSession, Person
from koyjabo.storage.desk import Desk
from koyjabo.tokens import REFRESH_S, Claims


class Account(NamedTuple):
    """A person as everybody else of the program knows them."""

    id: str
    email: str
    name: str
    is_admin: bool


class Login(NamedTuple):
    """Somebody who is logged in, and the session that says so."""

    account: Account
    session_id: str


class Grant(NamedTuple):
    """A login that may be turned into tokens: `refresh_id` is to be the id of its one good refresh token."""

    login: Login
    refresh_id: str


class Accounts:
    """Emails, passwords and names are what `credentials` makes of them.

    `on_loss` is called with the id of a session that has ended, or of a user who has lost sessions or a right, when
    that is committed. Every method raises LedgerUnavailable, and those that take a password TooBusy.
    """

    def __init__(self, desk: Desk, clock: Clock, passwords: Passwords) -> None:
        self.on_loss: Callable[[str], None] = lambda whose: None
        self._desk = desk
        self._clock = clock
        self._passwords = passwords

    def sign_up(self, email: str, password: str, name: str | None = None) -> Grant:
        """Make an account and log it in. Raises EmailTaken."""
        person, new = self._new_person(email, password, name), self._new_session(str(uuid.uuid4()))
        key = credentials.email_key(email)
        self._desk.write(partial(records.sign_up, person=person, email_key=key, new=new))
        return _grant(person, new)

    def log_in(self, email: str, password: str) -> Grant:
        """Raises WrongCredentials, and neither its words nor its time tell whether there is such a user."""
        grant = self._try(email, password) or self._try(email, password)  # once more if it was just hashed anew
        if grant is None:
            raise WrongCredentials
        return grant

    def refresh(self, claims: Claims) -> Grant:
        """Renew the session of a refresh token, which is good for this once. Raises InvalidToken; shown a second time,
        it ends the session.
        """
        new = self._new_session(claims.session_id)
        person, reused = self._desk.write(
            partial(records.renew_session, user_id=claims.user_id, old_refresh_id=claims.token_id, new=new)
        )
        if reused:
            self.on_loss(claims.session_id)
        if person is None:
            raise InvalidToken
        return _grant(person, new)

    def log_out(self, session_id: str) -> None:
        """End a session, with all its tokens; one that has ended is no error."""
        if self._desk.write(partial(records.revoke_session, session_id=session_id, now_ms=self._clock.now_ms())):
            self.on_loss(session_id)

    def login_of(self, session_id: str) -> Login | None:
        """Who is logged in by a session, if it lives: not revoked, not run out, and its user not disabled."""
        found = self._desk.read(partial(records.of_session, session_id=session_id, now_ms=self._clock.now_ms()))
        return Login(_account(found), session_id) if found else None

    def names(self, user_ids: Collection[str]) -> dict[str, str]:
        """What users are called, by id; those who are none are not in it. For a thousand or so at a time."""
        return self._desk.read(partial(records.names, user_ids=list(user_ids))) if user_ids else {}

    def change_password(self, login: Login, current: str, new: str) -> None:
        """End all other sessions, too. Raises WrongCredentials."""
        person = self._desk.read(partial(records.by_id, user_id=login.account.id))
        if not self._passwords.matches(current, person.password if person else None) or person is None:
            raise WrongCredentials("The current password is another one.")
        hashed = self._passwords.hash(credentials.password(new))
        if not self._set_hash(person, hashed, old=person.password, spared=login.session_id):
            raise WrongCredentials("The password has just been changed by somebody else.")

    # For the operator.

    def create(self, email: str, password: str, name: str | None = None, is_admin: bool = False) -> Account:
        """Make an account. Raises EmailTaken."""
        person = self._new_person(email, password, name, is_admin)
        key, now_ms = credentials.email_key(email), self._clock.now_ms()
        self._desk.write(partial(records.add_user, person=person, email_key=key, now_ms=now_ms))
        return _account(person)

    def set_password(self, email: str, password: str) -> Account:
        """End all their sessions, too. Raises UnknownUser."""
        person = self._find(email)
        if person is None:
            raise UnknownUser
        self._set_hash(person, self._passwords.hash(credentials.password(password)))
        return _account(person)

    def promote(self, email: str, is_admin: bool = True) -> Account:
        """Make somebody an admin of the site, or end that. Raises UnknownUser."""
        key = credentials.email_key(email)
        person = self._desk.write(partial(records.set_admin, email_key=key, is_admin=is_admin))
        self.on_loss(person.id)
        return _account(person)

    def disable(self, email: str, disabled: bool = True) -> Account:
        """End all their sessions and let them begin none, or let them again. Raises UnknownUser."""
        key, now_ms = credentials.email_key(email), self._clock.now_ms()
        person = self._desk.write(partial(records.set_disabled, email_key=key, disabled=disabled, now_ms=now_ms))
        self.on_loss(person.id)
        return _account(person)

    def close(self) -> None:
        self._passwords.close()

    def _new_person(self, email: str, password: str, name: str | None, is_admin: bool = False) -> Person:
        email, hashed = credentials.email(email), self._passwords.hash(credentials.password(password))
        return Person(str(uuid.uuid4()), email, credentials.name(name, of=email), is_admin, hashed, False)

    def _try(self, email: str, password: str) -> Grant | None:
        """Raises WrongCredentials. None when the user was changed meanwhile."""
        person = self._find(email)
        matches = self._passwords.matches(password, person.password if person else None)
        if person is None or not matches or person.is_disabled:
            raise WrongCredentials
        return self._open(self._hash_anew(person, password) if is_outdated(person.password) else person)

    def _find(self, email: str) -> Person | None:
        try:
            credentials.email(email)
        except ValueError:  # nobody has such an address, and not every database can be asked
            return None
        return self._desk.read(partial(records.by_email, email_key=credentials.email_key(email)))

    def _open(self, person: Person) -> Grant | None:
        """A session for somebody whose password was right, unless they were changed meanwhile."""
        new = self._new_session(str(uuid.uuid4()))
        opened = partial(records.open_session, user_id=person.id, password=person.password, new=new)
        return _grant(person, new) if self._desk.write(opened) else None

    def _new_session(self, session_id: str) -> NewSession:
        now_ms = self._clock.now_ms()
        return NewSession(session_id, str(uuid.uuid4()), now_ms, now_ms + REFRESH_S * 1000)

    def _hash_anew(self, person: Person, password: str) -> Person:
        hashed = self._passwords.hash(password)
        self._desk.write(partial(records.keep_hash, user_id=person.id, old=person.password, new=hashed))
        return person._replace(password=hashed)

    def _set_hash(self, person: Person, hashed: str, old: str | None = None, spared: str = "") -> bool:
        now_ms = self._clock.now_ms()
        changed = self._desk.write(
            partial(records.change_password, user_id=person.id, old=old, new=hashed, now_ms=now_ms, spared=spared)
        )
        self.on_loss(person.id)
        return changed


def _grant(person: Person, new: NewSession) -> Grant:
    return Grant(Login(_account(person), new.id), new.refresh_id)


def _account(person: Person) -> Account:
    return Account(person.id, person.email, person.name, person.is_admin)
