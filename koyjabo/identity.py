"""Who a caller is, as every package speaks of it: an account, a login, and the ids of both."""

from __future__ import annotations

import re
from typing import NamedTuple

from koyjabo.errors import Forbidden
from koyjabo.text import N_

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def uuid_of(text: str) -> str | None:
    """An id as it is stored; None for what is no UUID."""
    return text.lower() if UUID.fullmatch(text.lower()) else None


class Account(NamedTuple):
    """A person as everybody else of the program knows them."""

    id: str
    email: str
    name: str
    is_admin: bool

    def require_site_admin(self) -> None:
        """Raises Forbidden."""
        if not self.is_admin:
            raise Forbidden(N_("Only site admins may do that."))


OPERATOR = Account("", "", "", is_admin=True)
"""Acts at the command line and at start-up. It is not stored."""


class Login(NamedTuple):
    """Somebody who is logged in, and the session that says so."""

    account: Account
    session_id: str
