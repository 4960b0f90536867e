"""The result of a login: a session for which tokens may be issued."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from koyjabo.accounts.queries import NewSession, Person
from koyjabo.core.identity import Account, Login


class Grant(NamedTuple):
    """A login for which tokens may be issued. `refresh_id` is the id of the session's one valid refresh token."""

    login: Login
    refresh_id: str
    browser_mark: str
    """Changes when the owner changes the password. Does not reveal it."""


def grant_of(person: Person, new: NewSession) -> Grant:
    return Grant(Login(account_of(person), new.id), new.refresh_id, browser_mark_of(person))


def account_of(person: Person) -> Account:
    return Account(person.id, person.email, person.name, person.is_admin, person.is_viewer)


def browser_mark_of(person: Person) -> str:
    return person.browser_mark or hashlib.sha256(person.password.encode()).hexdigest()
