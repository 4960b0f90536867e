"""Proofs of who uses a session: the user's password and, while an authenticator app is on, a code, typed in it.

A proof permits what a stolen session must not do, for PROOF_MS from when it was typed. A login is none. It ends with
its session and with a new password.
"""

from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import WrongCode
from koyjabo.base.core.identity import Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.people.accounts import queries as account_queries
from koyjabo.people.models import User
from . import queries
from .codes import Codes

PROOF_MS = 600_000


class Proofs:
    """All methods raise LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, codes: Codes) -> None:
        self._database = database
        self._clock = clock
        self._codes = codes

    def is_fresh(self, login: Login) -> bool:
        """Whether the session has a proof."""
        proved_ms, now_ms = self._database.read(queries.proved_ms, login.session_id), self._clock.now_ms()
        return proved_ms is not None and now_ms - PROOF_MS < proved_ms <= now_ms

    def needs_code(self, login: Login) -> bool:
        """Whether a proof needs a code."""
        return self._database.read(queries.state, login.account.id).totp_ms is not None

    def store(self, login: Login, user: User, code: str | None) -> None:
        """Use up the code, if one is needed, and store the proof. The password of `user` was just verified. Raises
        WrongCode, TooManyRequests, and WrongCredentials if the user has changed since.
        """
        proof = self._codes.prove(user.id, code or "") if self.needs_code(login) else None
        now_ms = self._clock.now_ms()

        def operation(session: Any) -> None:
            account_queries.require_unchanged(session, user)
            needs_code = queries.state(session, user.id).totp_ms is not None
            if not (proof.settle(session) if proof else not needs_code):
                raise WrongCode
            queries.prove(session, login.session_id, now_ms)

        self._database.write(operation)
