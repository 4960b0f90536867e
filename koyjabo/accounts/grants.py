"""What a login ends with: the proof of a second factor, and a session for which tokens may be issued."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.accounts.queries import NewSession, UserRecord
from koyjabo.core.identity import Account, Login


class Proof(NamedTuple):
    """A second factor that was verified. `settle` uses it up, in the transaction of what it permits, and returns False
    if it was used meanwhile.
    """

    method: str
    settle: Callable[[Any], bool]


class Grant(NamedTuple):
    """A login for which tokens may be issued. `refresh_id` is the id of the session's one valid refresh token."""

    login: Login
    refresh_id: str
    browser_mark: str
    """Changes when the owner changes the password. Does not reveal it."""


def grant_of(person: UserRecord, new: NewSession) -> Grant:
    return Grant(Login(account_of(person), new.id), new.refresh_id, browser_mark_of(person))


def account_of(person: UserRecord) -> Account:
    return Account(person.id, person.email, person.name, person.is_admin, person.is_viewer)


def browser_mark_of(person: UserRecord) -> str:
    return person.browser_mark or hashlib.sha256(person.password.encode()).hexdigest()
