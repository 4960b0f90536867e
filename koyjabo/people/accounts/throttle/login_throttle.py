"""Limits guesses at the password of one account from all addresses together (docs/limits.md, Logins). The budgets are
in the database, so they hold across workers and restarts.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from koyjabo.base.core.clock import MINUTE_MS, Clock
from koyjabo.base.core.errors import LedgerUnavailable, TooBusy, TooManyRequests
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.network.client_address import Level, levels
from koyjabo.people.accounts import queries
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.accounts.throttle import guess_budget, login_throttle_queries
from koyjabo.people.accounts.throttle.guess_budget import Decision, GuessState, Plan
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor
from koyjabo.web.limits.limits import TOO_MANY_LOGINS

LOGIN, FAMILIAR, PASSWORD = "login", "familiar", "password"
"""Purposes of entering a password: a login, a login from a familiar browser, and changing the password. Each has its
own budgets, so that guesses at logins do not block the owner's other attempts.
"""

PLANS = {
    LOGIN: Plan(50, MINUTE_MS, 380, 90_000, reserve=121),
    FAMILIAR: Plan(10, 30 * MINUTE_MS, 10, 30 * MINUTE_MS),
    PASSWORD: Plan(50, 30 * MINUTE_MS, 50, 30 * MINUTE_MS),
}
"""Budgets by purpose: in any 24 hours at most 1,340 + 58 + 98 guesses. The reserve is one more than 60 networks without
failures need in two days, because their keys change at midnight. A familiar browser that has used up its budget is
treated like an unknown one.
"""

AUDITED = {1, 49}
"""Failure counts that are written to the audit log. Other counts are not, so that guessing cannot fill the log."""


class LoginThrottle:
    """Limits guesses. Stores keyed hashes of emails, even of unknown ones, and of the networks that have failed."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret.encode()

    def begin(self, email_key: str, address: str, purpose: str = LOGIN) -> Attempt:
        """Count an attempt from an address (see `client_address.limit_key`) before the password is verified, which also
        limits concurrent attempts. Returns a context manager; verify the password inside it.

        Raises TooManyRequests, LedgerUnavailable.
        """
        accounts, plan = self._accounts(email_key), PLANS[purpose]
        networks = [Level(self._network_key(accounts[purpose], network), times) for network, times in levels(address)]
        by = log.anonymous(self._clock.now_ms())
        state = self._database.read(login_throttle_queries.find, accounts[purpose], plan, by.at_ms)
        _refuse(guess_budget.still_waits_ms(state, plan, networks, by.at_ms) if state else 0)
        decision = self._database.write(_count, accounts[purpose], email_key, plan, networks, by)
        _refuse(decision.wait_ms)
        return Attempt(self._database, self._clock, purpose, accounts, networks, decision)

    def unlock(self, email_key: str) -> None:
        """Clear all failures of an account. Workers then ignore their own failures of the last minute: see
        `unlocked_ms`.
        """
        self._database.write(_unlock, self._accounts(email_key), self._clock.now_ms())

    def unlocked_ms(self, email_key: str) -> int:
        """When the account was unlocked, if that was in the last two minutes or there was an attempt since; otherwise
        0.
        """
        account = self._accounts(email_key)[LOGIN]
        state = self._database.read(login_throttle_queries.find, account, PLANS[LOGIN], self._clock.now_ms())
        return state.unlocked_ms if state else 0

    def _accounts(self, email_key: str) -> dict[str, str]:
        """The row key of each purpose."""
        return {purpose: account_key(self._secret, purpose, email_key) for purpose in PLANS}

    def _network_key(self, account: str, network: str) -> str:
        """A key that reveals nothing without the secret. It differs between accounts and days."""
        return account_key(self._secret, f"network {self._clock.today()} {account}", network)[:16]


@dataclass(frozen=True)
class Attempt:
    """One attempt at a password, used as a context manager. If the body succeeds, the account's failures are forgiven.
    If no password was verified, the attempt is undone.
    """

    database: DatabaseExecutor
    clock: Clock
    purpose: str
    accounts: Mapping[str, str]
    networks: Sequence[Level]
    decision: Decision

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(LedgerUnavailable):  # the limit recovers by itself
            if error is None:
                self._succeed()
            elif isinstance(error, (TooBusy, LedgerUnavailable)):
                self._change(self.purpose, self._take_back)

    def _succeed(self) -> None:
        if self.purpose == PASSWORD:  # guesses at the old password reveal nothing about the new one
            self.database.write(login_throttle_queries.forget, [self.accounts[PASSWORD]])
            return
        self._change(self.purpose, lambda state: guess_budget.succeed(state, PLANS[self.purpose], self.networks))
        if self.purpose == FAMILIAR:
            self._change(LOGIN, guess_budget.forgive)

    def _take_back(self, state: GuessState) -> None:
        """Undo the attempt. It stays counted if the audit log has an entry about the failures before it."""
        guess_budget.take_back(state, PLANS[self.purpose], self.networks, self.decision)
        if state.failures - 1 not in AUDITED:
            state.failures -= 1

    def _change(self, purpose: str, change: Callable[[GuessState], None]) -> None:
        now_ms = self.clock.now_ms()
        self.database.write(login_throttle_queries.change, self.accounts[purpose], PLANS[purpose], now_ms, change)


def _refuse(wait_ms: int) -> None:
    if wait_ms:
        raise TooManyRequests(-(-wait_ms // 1000), TOO_MANY_LOGINS)


def _count(session: Any, account: str, email_key: str, plan: Plan, networks: Sequence[Level], by: Actor) -> Decision:
    """Count an attempt, with an audit entry about earlier failures if the user exists.

    Runs in one transaction before the password is verified: its duration must not reveal whether the user exists.
    """
    state = login_throttle_queries.lock(session, account, plan, by.at_ms)
    failures, decision = state.failures, guess_budget.admit(state, plan, networks, by.at_ms)
    login_throttle_queries.store(session, account, state, state.expires_ms(by.at_ms))
    login_throttle_queries.sweep(session, by.at_ms)
    person = queries.by_email(session, email_key) if failures in AUDITED and not decision.wait_ms else None
    if person is not None:
        by.entry("login.fail", subject(person), failures=failures).store(session)
    return decision


def _unlock(session: Any, accounts: Mapping[str, str], now_ms: int) -> None:
    login_throttle_queries.forget(session, sorted(accounts.values()))
    login_throttle_queries.lock(session, accounts[LOGIN], PLANS[LOGIN], now_ms)
    expires_ms = now_ms + login_throttle_queries.UNLOCKED_MS
    login_throttle_queries.store(session, accounts[LOGIN], GuessState(unlocked_ms=now_ms), expires_ms)


def account_key(secret: bytes, purpose: str, email_key: str) -> str:
    """A keyed hash of an account, with a fixed length, that reveals nothing without the secret."""
    return hmac.new(secret, f"{purpose} {email_key}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()
