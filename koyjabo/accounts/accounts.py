"""People with an account: who they are, and the sessions in which they are logged in."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

from koyjabo.accounts import credential_rules, queries
from koyjabo.accounts.passwords import Passwords, is_outdated
from koyjabo.accounts.queries import Changed, NewSession, Person, Whom
from koyjabo.accounts.tokens import REFRESH_S, Claims
from koyjabo.audit import log
from koyjabo.audit.log import Author, Entry, Target, noting
from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.errors import InvalidToken, UnknownUser, WrongCredentials
from koyjabo.identity import Account, Login
from koyjabo.network import browsers
from koyjabo.text import N_

PROMOTIONS = {True: "user.promote", False: "user.demote"}
DISABLINGS = {True: "user.disable", False: "user.enable"}


class Grant(NamedTuple):
    """A login that may be turned into tokens: `refresh_id` is to be the id of its one good refresh token."""

    login: Login
    refresh_id: str
    password_mark: str
    """Another one for each password, which tells nothing of it."""


class Accounts:
    """Emails, passwords and names are what `credentials` makes of them.

    `on_loss` is called with the id of a session that has ended, or of a user who has lost sessions or a right, when
    that is committed. Every method raises LedgerUnavailable, and those that take a password TooBusy.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, passwords: Passwords) -> None:
        self.on_loss: Callable[[str], None] = lambda whose: None
        self._database = database
        self._clock = clock
        self._passwords = passwords

    def sign_up(self, email: str, password: str, name: str | None = None, user_agent: str = "") -> Grant:
        """Make an account and log it in. Raises EmailTaken."""
        person, new = self._new_person(email, password, name), self._new_session(str(uuid.uuid4()), user_agent)
        sign_up = partial(queries.sign_up, person=person, email_key=credential_rules.email_key(email), new=new)
        line = self._line("user.sign_up")
        self._database.write(noting(sign_up, lambda _: line(person)))
        return _grant(person, new)

    def log_in(self, email: str, password: str, user_agent: str = "") -> Grant:
        """Raises WrongCredentials, and neither its words nor its time tell whether there is such a user."""
        grant = self._try(email, password, user_agent)
        if grant is None:  # another login may have hashed the same password anew meanwhile
            grant = self._try(email, password, user_agent)
        if grant is None:
            raise WrongCredentials
        return grant

    def refresh(self, claims: Claims) -> Grant:
        """Renew the session of a refresh token, which is good for this once. Raises InvalidToken; shown a second time,
        it ends the session.
        """
        refresh_id = queries.successor(claims.session_id, claims.token_id)
        new, line = self._new_session(claims.session_id)._replace(refresh_id=refresh_id), self._line("session.replay")
        renew = partial(queries.renew_session, user_id=claims.user_id, old_refresh_id=claims.token_id, new=new)
        made = self._database.write(noting(renew, lambda made: line(made.ended)))
        if made.ended is not None:
            self.on_loss(claims.session_id)
        if made.renewed is None:
            raise InvalidToken
        return _grant(made.renewed, new)

    def log_out(self, session_id: str) -> None:
        """End a session, with all its tokens; one that has ended is no error."""
        end = partial(queries.end_session, session_id=session_id, now_ms=self._clock.now_ms())
        if self._database.write(noting(end, self._line("session.end"))) is not None:
            self.on_loss(session_id)

    def login_of(self, session_id: str, refresh_id: str | None = None) -> Login | None:
        """Who is logged in by a session, if it lives: not revoked, not run out, and its user not disabled. Where it is
        shown by a refresh token, one that was renewed is good for some seconds more.
        """
        lookup = partial(queries.of_session, session_id=session_id, now_ms=self._clock.now_ms(), refresh_id=refresh_id)
        found = self._database.read(lookup)
        return Login(_account(found), session_id) if found else None

    def password_mark(self, email: str) -> str:
        """That of their present password; "" where there is no such user. It takes as long for everybody."""
        person = self._find(email)
        return _mark(person.password) if person else ""

    def names(self, user_ids: Collection[str]) -> dict[str, str]:
        """What users are called, by id; those who are none are not in it. For a thousand or so at a time."""
        return self._database.read(partial(queries.names, user_ids=list(user_ids))) if user_ids else {}

    def change_password(self, login: Login, current: str, new: str) -> str:
        """End all other sessions, too. Returns the mark of the new one. Raises WrongCredentials."""
        person = self._database.read(partial(queries.by_id, user_id=login.account.id))
        if not self._passwords.matches(current, person.password if person else None) or person is None:
            raise WrongCredentials(N_("The current password is another one."))
        hashed = self._passwords.hash(credential_rules.password(new))
        by = log.author(login.account, self._clock)
        if not self._set_hash(by, person, hashed, old=person.password, spared=login.session_id):
            raise WrongCredentials(N_("The password has just been changed by somebody else."))
        return _mark(hashed)

    # For the operator, at the command line.

    def create(self, email: str, password: str, name: str | None = None, is_admin: bool = False) -> Account:
        """Make an account. Raises EmailTaken."""
        person, by = self._new_person(email, password, name, is_admin), log.author(None, self._clock)
        key = credential_rules.email_key(email)

        create = partial(queries.add_user, person=person, email_key=key, now_ms=by.at_ms)
        self._database.write(noting(create, lambda _: by.did("user.create", target(person), is_admin=is_admin)))
        return _account(person)

    def set_password(self, email: str, password: str) -> Account:
        """End all their sessions, too. Raises UnknownUser."""
        person = self._find(email)
        if person is None:
            raise UnknownUser
        hashed = self._passwords.hash(credential_rules.password(password))
        self._set_hash(log.author(None, self._clock), person, hashed)
        return _account(person)

    def promote(self, email: str, is_admin: bool = True) -> Account:
        """Make somebody an admin of the site, or end that. Raises UnknownUser."""
        whom = Whom(email_key=credential_rules.email_key(email))
        return self._change(partial(queries.set_admin, whom=whom, is_admin=is_admin), PROMOTIONS[is_admin])

    def disable(self, email: str, disabled: bool = True) -> Account:
        """End all their sessions and let them begin none, or let them again. Raises UnknownUser."""
        whom, now_ms = Whom(email_key=credential_rules.email_key(email)), self._clock.now_ms()
        change = partial(queries.set_disabled, whom=whom, disabled=disabled, now_ms=now_ms)
        return self._change(change, DISABLINGS[disabled])

    def _change(self, change: Callable[..., Changed], action: str) -> Account:
        by = log.author(None, self._clock)
        person = self._database.write(changing(by, change, action)).person
        self.on_loss(person.id)
        return _account(person)

    def close(self) -> None:
        self._passwords.close()

    def _new_person(self, email: str, password: str, name: str | None, is_admin: bool = False) -> Person:
        email, hashed = credential_rules.email(email), self._passwords.hash(credential_rules.password(password))
        return Person(str(uuid.uuid4()), email, credential_rules.name(name, of=email), is_admin, hashed, False)

    def _try(self, email: str, password: str, user_agent: str) -> Grant | None:
        """Raises WrongCredentials. None when the user was changed meanwhile."""
        person = self._find(email)
        matches = self._passwords.matches(password, person.password if person else None)
        if person is None or not matches or person.is_disabled:
            raise WrongCredentials
        return self._open(self._hash_anew(person, password) if is_outdated(person.password) else person, user_agent)

    def _find(self, email: str) -> Person | None:
        try:
            credential_rules.email(email)
        except ValueError:  # nobody has such an address, and not every database can be asked
            return None
        return self._database.read(partial(queries.by_email, email_key=credential_rules.email_key(email)))

    def _open(self, person: Person, user_agent: str) -> Grant | None:
        """A session for somebody whose password was right, unless they were changed meanwhile."""
        new, line = self._new_session(str(uuid.uuid4()), user_agent), self._line("session.begin")
        begin = partial(queries.open_session, user_id=person.id, password=person.password, new=new)
        begun = self._database.write(noting(begin, lambda begun: line(person) if begun else None))
        return _grant(person, new) if begun else None

    def _new_session(self, session_id: str, user_agent: str = "") -> NewSession:
        now_ms = self._clock.now_ms()
        whence = user_agent[: browsers.LONGEST], log.whence.get()
        return NewSession(session_id, str(uuid.uuid4()), now_ms, now_ms + REFRESH_S * 1000, *whence)

    def _line(self, action: str) -> Callable[[Person | None], Entry | None]:
        """Makes the line of what somebody does about themselves; None of nobody. To be asked in the request itself."""
        place, at_ms = log.whence.get(), self._clock.now_ms()

        def line(person: Person | None) -> Entry | None:
            return Author(person.id, person.name, place, at_ms).did(action, target(person)) if person else None

        return line

    def _hash_anew(self, person: Person, password: str) -> Person:
        hashed = self._passwords.hash(password)
        self._database.write(partial(queries.keep_hash, user_id=person.id, old=person.password, new=hashed))
        return person._replace(password=hashed)

    def _set_hash(self, by: Author, person: Person, hashed: str, old: str | None = None, spared: str = "") -> bool:
        change = partial(
            queries.change_password, user_id=person.id, old=old, new=hashed, now_ms=by.at_ms, spared=spared
        )
        changed = self._database.write(
            noting(change, lambda made: by.did("user.password", target(person)) if made else None)
        )
        self.on_loss(person.id)
        return changed


def changing(by: Author, change: Callable[..., Changed], action: str) -> Callable[..., Changed]:
    """An errand that changes a user, and writes a line of it, if it was a change."""
    return noting(change, lambda made: by.did(action, target(made.person)) if made.is_change else None)


def target(person: Person) -> Target:
    return Target("user", person.id, person.email)


def _grant(person: Person, new: NewSession) -> Grant:
    return Grant(Login(_account(person), new.id), new.refresh_id, _mark(person.password))


def _account(person: Person) -> Account:
    return Account(person.id, person.email, person.name, person.is_admin)


def _mark(hashed: str) -> str:
    return hashlib.sha256(hashed.encode()).hexdigest()
