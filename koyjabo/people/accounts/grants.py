"""Logins that tokens may be issued for, and what proves them."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.base.core.identity import Login
from koyjabo.people.models import User
from .models import LoginSession


class LoginProof(NamedTuple):
    """Proof of a completed two-step login, or of the link that a start has printed. `settle` uses it up in the
    transaction of the change it permits, and returns False if it was used or removed in the meantime.
    """

    method: str
    settle: Callable[[Any], bool]
    kind: str = "second_factor"  # or "link": the key for the method in the audit entry's details


class Grant(NamedTuple):
    """A login that tokens may be issued for. `refresh_id` is the id of the session's only valid refresh token."""

    login: Login
    refresh_id: str
    browser_mark: str
    """Changes when the owner changes the password, without revealing the password."""


def grant_of(user: User, session: LoginSession) -> Grant:
    return Grant(Login(user.account, session.id), session.refresh_id, browser_mark_of(user))


def browser_mark_of(user: User) -> str:
    """The mark of the user's familiar browsers."""
    return user.browser_mark or hashlib.sha256(user.password.encode()).hexdigest()
