"""Creates the site's first admin: from ADMIN_EMAIL or, in development, with a generated password. Raises
LedgerUnavailable.
"""

from __future__ import annotations

import logging
import secrets

from koyjabo.accounts.users.accounts import Accounts
from koyjabo.core.errors import EmailTaken

log = logging.getLogger(__name__)

MADE_UP = "admin@koyjabo.example"


def ensure(accounts: Accounts, email: str, password: str) -> bool:
    """Create this admin, unless the email already belongs to a user. Returns whether this process created it."""
    known = accounts.find(email)
    if known is None:
        return _create(accounts, email, password)
    if not known.is_admin:  # do not promote an existing user: nothing proves that they own the address
        log.warning("admin_email_is_no_admin try='koyjabo user role'")
    return False


def make_up(accounts: Accounts) -> str | None:
    """Create the admin `MADE_UP` if there is no user. Returns the password if this process created it, otherwise
    None.
    """
    if accounts.has_users():
        return None
    password = secrets.token_urlsafe(12)
    return password if _create(accounts, MADE_UP, password) else None


def _create(accounts: Accounts, email: str, password: str) -> bool:
    """Create the admin. Returns False if another process has just done so."""
    try:
        accounts.create(email, password, is_admin=True)
    except EmailTaken:
        return False
    return True
