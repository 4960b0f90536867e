"""Somebody has to be the first: the admin of the site that ADMIN_EMAIL names, or one who is made up in development.

Needs an application context. Raises LedgerUnavailable, UnusableDatabase.
"""

from __future__ import annotations

import logging
import secrets
import uuid
from functools import partial
from typing import Any

from koyjabo.accounts import credential_rules, queries
from koyjabo.accounts.accounts import target
from koyjabo.accounts.passwords import hash_now
from koyjabo.accounts.queries import Person
from koyjabo.audit import log as audit
from koyjabo.audit.log import noting
from koyjabo.clock import Clock
from koyjabo.database import engine
from koyjabo.errors import EmailTaken

log = logging.getLogger(__name__)

MADE_UP = "admin@koyjabo.example"


def ensure(where: Any, email: str, password: str, clock: Clock) -> bool:
    """Make this admin, unless there is such a user, of whom nothing is changed. True for the process that made it."""
    key = credential_rules.email_key(email)
    with engine.reached():
        with engine.snapshot() as connection:
            if queries.is_taken(connection, key):
                if not queries.is_site_admin(connection, key):  # the address was never proved to be theirs
                    log.warning("admin_email_is_no_admin try='koyjabo user promote'")
                return False
        return _add(where, email, password, clock)


def make_up(where: Any, clock: Clock) -> str | None:
    """Where there is no user at all, make an admin called `MADE_UP`. Their password, for the process that made it."""
    with engine.reached():
        with engine.snapshot() as connection:
            if queries.has_users(connection):
                return None
        password = secrets.token_urlsafe(12)
        return password if _add(where, MADE_UP, password, clock) else None


def _add(where: Any, email: str, password: str, clock: Clock) -> bool:
    """Of several processes that start at once, one makes it."""
    person = Person(str(uuid.uuid4()), email, credential_rules.name(None, of=email), True, hash_now(password), False)
    by, key = audit.author(None, clock), credential_rules.email_key(email)
    add = partial(queries.add_user, person=person, email_key=key, now_ms=by.at_ms)
    try:
        with engine.exclusive(where) as session:
            noting(add, lambda _: by.did("user.create", target(person), is_admin=True))(session)
    except EmailTaken:
        return False
    return True
