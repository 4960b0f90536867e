"""The first admin of the site: the one that ADMIN_EMAIL names, or one that is made up in development.

Raises LedgerUnavailable.
"""

from __future__ import annotations

import logging
import secrets

from koyjabo.accounts.accounts import Accounts
from koyjabo.errors import EmailTaken

log = logging.getLogger(__name__)

MADE_UP = "admin@koyjabo.example"


def ensure(accounts: Accounts, email: str, password: str) -> bool:
    """Create this admin. A user with this email stays as it is. True for the process that created it."""
    known = accounts.find(email)
    if known is None:
        return _create(accounts, email, password)
    if not known.is_admin:  # the address was never proved to be theirs
        log.warning("admin_email_is_no_admin try='koyjabo user promote'")
    return False


def make_up(accounts: Accounts) -> str | None:
    """Create an admin called `MADE_UP` if there is no user. Returns the password in the process that created it."""
    if accounts.has_users():
        return None
    password = secrets.token_urlsafe(12)
    return password if _create(accounts, MADE_UP, password) else None


def _create(accounts: Accounts, email: str, password: str) -> bool:
    """Of several processes that start at once, one creates it."""
    try:
        accounts.create(email, password, is_admin=True)
    except EmailTaken:
        return False
    return True
