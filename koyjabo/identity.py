"""The identity of a caller: an account, a login, and their ids."""

from __future__ import annotations

import re
from typing import NamedTuple

from koyjabo.errors import Forbidden
from koyjabo.text import N_

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def uuid_of(text: str) -> str | None:
    """An id as it is stored; None if `text` is not a UUID."""
    return text.lower() if UUID.fullmatch(text.lower()) else None


class Account(NamedTuple):
    """The account of a user, as other packages see it."""

    id: str
    email: str
    name: str
    is_admin: bool

    def require_site_admin(self) -> None:
        """Raises Forbidden if the account is not an admin of the site."""
        if not self.is_admin:
            raise Forbidden(N_("Only site admins may do that."))


OPERATOR = Account("", "", "", is_admin=True)
"""Acts at the command line and at start-up. It is not stored."""


class Login(NamedTuple):
    """A logged-in account and its session."""

    account: Account
    session_id: str
