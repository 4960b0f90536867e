"""A user's passkeys: create, list and remove them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Passkey
from koyjabo.people.accounts import queries as account_queries
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.accounts.errors import EmailUnconfirmed, WrongPasskey
from koyjabo.people.accounts.pending_steps import PendingSteps
from koyjabo.people.accounts.second_factor import ceremonies, queries
from koyjabo.people.accounts.second_factor.ceremonies import RelyingParty
from koyjabo.people.accounts.second_factor.codes import Codes
from koyjabo.people.audit import log

MAX_PASSKEYS = 20


class Passkeys:
    """Passkeys of users. All methods raise LedgerUnavailable.

    After a commit that ends sessions, `on_revoked` is called with the user's id. With `needs_email`, only users with a
    confirmed email can create passkeys. Otherwise a stranger who signed up with another person's email could keep
    access with a passkey, which needs no password (decision 77).
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        pending: PendingSteps,
        codes: Codes,
        on_revoked: Callable[[str], object],
        needs_email: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._pending = pending
        self._codes = codes
        self._on_revoked = on_revoked
        self._needs_email = needs_email

    def all(self, account: Account) -> list[Passkey]:
        """The user's passkeys, oldest first."""
        return self._database.read(queries.passkeys, account.id)

    def options(self, login: Login, site: RelyingParty) -> dict[str, Any]:
        """WebAuthn options for creating a passkey. Raises EmailUnconfirmed."""
        account, challenge = login.account, ceremonies.new_challenge()
        user = self._database.read(account_queries.by_id, account.id)
        if self._needs_email and not (user and user.verified_ms is not None):
            raise EmailUnconfirmed
        self._pending.begin_passkey(challenge, user, login.session_id)
        known = self._database.read(queries.credential_ids, account.id)
        return ceremonies.registration_options(site, account.id, account.email, account.name, known, challenge)

    def register(
        self, login: Login, site: RelyingParty, credential: dict[str, Any], name: str
    ) -> tuple[Passkey, list[str] | None]:
        """Store a passkey. Returns it and, with the user's first passkey or app, the recovery codes. Raises
        EmailUnconfirmed, WrongPasskey, TooManyPasskeys, and SecondFactorExpired if `options` was not called before.
        """
        pending = self._pending.registration(login.session_id)
        user = self._pending.user_of(pending)
        if pending.challenge is None or user.id != login.account.id:
            raise WrongPasskey
        passkey = ceremonies.verify_registration(site, credential, pending.challenge, user.id)
        codes, digests = self._codes.new_recovery_codes(user.id)
        by = log.actor(login.account, self._clock)
        passkey.id, passkey.name, passkey.created_ms = str(uuid.uuid4()), name, by.at_ms
        is_first = self._database.write(
            queries.add_passkey,
            *(pending, passkey, digests, MAX_PASSKEYS, login.session_id, self._needs_email),
            audit=by.entry("second_factor.add", subject(user), method="passkey", name=name),
        )
        if is_first:
            self._on_revoked(user.id)
        return passkey, codes if is_first else None

    def remove(self, login: Login, passkey_id: str) -> None:
        """Remove a passkey. If it was the last one and there is no app, this turns two-step login off. Raises
        UnknownPasskey.
        """
        account, by = login.account, log.actor(login.account, self._clock)

        def operation(session: Any) -> None:
            ends_sessions = self._pending.is_required(account)
            removed = queries.remove_passkey(session, account.id, passkey_id, by.at_ms, ends_sessions)
            by.entry("second_factor.remove", subject(account), method="passkey", name=removed.name).store(session)

        self._database.write(operation)
        self._on_revoked(account.id)
