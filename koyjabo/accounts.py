"""People with an account: who they are, and the sessions in which they are logged in."""

from __future__ import annotations

from typing import NamedTuple

from koyjabo.clock import Clock
from koyjabo.storage.desk import Desk


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


class Accounts:
    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
