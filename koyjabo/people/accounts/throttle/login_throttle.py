"""Limits guesses at the password of one account from all addresses together (docs/limits.md, Logins). The budgets are
in the database, so they hold across workers and restarts.
"""

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from koyjabo.base.core.clock import MINUTE_MS, Clock
from koyjabo.base.core.errors import LedgerUnavailable, TooBusy, TooManyRequests
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.network.client_address import Level, levels
from koyjabo.people.accounts import queries
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor
from koyjabo.web.limits.limits import TOO_MANY_LOGINS
from . import login_throttle_queries
from .guess_budget import GuessState, Plan

LOGIN_GUESS, FAMILIAR_GUESS, PASSWORD_GUESS = "login", "familiar", "password"
"""Purposes of entering a password: a login, a login from a familiar browser, and changing the password. Each has its
own budgets, so that guesses at logins do not block the owner's other attempts.
"""

GUESS_PLANS = {
    LOGIN_GUESS: Plan(50, MINUTE_MS, 380, 90_000, reserve=121),
    FAMILIAR_GUESS: Plan(10, 30 * MINUTE_MS, 10, 30 * MINUTE_MS),
    PASSWORD_GUESS: Plan(50, 30 * MINUTE_MS, 50, 30 * MINUTE_MS),
}
"""Budgets by purpose: in any 24 hours at most 1,340 + 58 + 98 guesses. The reserve is one more than 60 networks without
failures need in two days, because their keys change at midnight. A familiar browser that has used up its budget is
treated like an unknown one.
"""

AUDITED_FAILURES = {1, 49}
"""Failure counts that are written to the audit log. Other counts are not, so that guessing cannot fill the log."""


class LoginThrottle:
    """Limits guesses. Stores keyed hashes of emails, even of unknown ones, and of the networks that have failed."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret.encode()

    def begin(self, email_key: str, address: str, purpose: str = LOGIN_GUESS) -> AbstractContextManager[None]:
        """Count an attempt from an address (see `client_address.limit_key`) before the password is verified, which also
        limits concurrent attempts. Verify the password inside the returned context.

        Raises TooManyRequests, LedgerUnavailable.
        """
        accounts, plan = self._accounts(email_key), GUESS_PLANS[purpose]
        account, by = accounts[purpose], log.anonymous(self._clock.now_ms())
        # A key reveals nothing without the secret. It differs between accounts and days.
        prefix = f"network {self._clock.today()} {account}"
        networks = [Level(account_key(self._secret, prefix, network)[:16], times) for network, times in levels(address)]
        state = self._database.read(login_throttle_queries.find, account, plan, by.at_ms)
        _refuse(state.refusal_ms(networks, by.at_ms) if state else 0)
        wait_ms, spent_ms = self._database.write(
            _count, account, email_key, plan, networks, by, self._clock.allows_removal
        )
        _refuse(wait_ms)
        return self._attempt(purpose, accounts, networks, spent_ms)

    @contextmanager
    def _attempt(
        self, purpose: str, accounts: Mapping[str, str], networks: Sequence[Level], spent_ms: int
    ) -> Iterator[None]:
        """Forgive the account's failures if the body succeeds, and undo the attempt if it verified no password. If the
        database is unavailable, the budgets refill by themselves.
        """

        def change(purpose: str, change: Callable[[GuessState], None]) -> None:
            now_ms = self._clock.now_ms()
            self._database.write(login_throttle_queries.change, accounts[purpose], GUESS_PLANS[purpose], now_ms, change)

        try:
            yield
        except (TooBusy, LedgerUnavailable):
            with suppress(LedgerUnavailable):
                change(purpose, lambda state: _take_back(state, networks, spent_ms))
            raise
        with suppress(LedgerUnavailable):
            if purpose == PASSWORD_GUESS:  # guesses at the old password reveal nothing about the new one
                self._database.write(login_throttle_queries.forget, [accounts[PASSWORD_GUESS]])
                return
            change(purpose, lambda state: state.succeed(networks))
            if purpose == FAMILIAR_GUESS:
                change(LOGIN_GUESS, GuessState.forgive)

    def unlock(self, email_key: str) -> None:
        """Clear all failures of an account. Workers then ignore the failures that they counted in the last minute
        (`unlocked_ms`).
        """
        accounts, plan, now_ms = self._accounts(email_key), GUESS_PLANS[LOGIN_GUESS], self._clock.now_ms()

        def operation(session: Any) -> None:
            login_throttle_queries.forget(session, sorted(accounts.values()))
            login_throttle_queries.lock(session, accounts[LOGIN_GUESS], plan, now_ms)
            state, expires_ms = GuessState(plan, unlocked_ms=now_ms), now_ms + login_throttle_queries.UNLOCK_EFFECT_MS
            login_throttle_queries.store(session, accounts[LOGIN_GUESS], state, expires_ms)

        self._database.write(operation)

    def unlocked_ms(self, email_key: str) -> int:
        """When the account was last unlocked, ms. 0 if this was over two minutes ago and no attempt followed."""
        account = self._accounts(email_key)[LOGIN_GUESS]
        state = self._database.read(
            login_throttle_queries.find, account, GUESS_PLANS[LOGIN_GUESS], self._clock.now_ms()
        )
        return state.unlocked_ms if state else 0

    def _accounts(self, email_key: str) -> dict[str, str]:
        """The row key of each purpose."""
        return {purpose: account_key(self._secret, purpose, email_key) for purpose in GUESS_PLANS}


def _refuse(wait_ms: int) -> None:
    if wait_ms:
        raise TooManyRequests(-(-wait_ms // 1000), TOO_MANY_LOGINS)


def _count(
    session: Any, account: str, email_key: str, plan: Plan, networks: Sequence[Level], by: Actor, allows_removal: bool
) -> tuple[int, int]:
    """Call `GuessState.admit`, with an audit entry about earlier failures if the user exists.

    Runs in one transaction before the password is verified: its duration must not reveal whether the user exists.
    """
    state = login_throttle_queries.lock(session, account, plan, by.at_ms)
    failures = state.failures
    wait_ms, spent_ms = state.admit(networks, by.at_ms)
    login_throttle_queries.store(session, account, state, state.expires_ms(by.at_ms))
    if allows_removal:  # while the attempt's own row is locked, to avoid deadlocks
        login_throttle_queries.sweep(session, by.at_ms)
    user = queries.by_email(session, email_key) if failures in AUDITED_FAILURES and not wait_ms else None
    if user is not None:
        by.entry("login.fail", subject(user), failures=failures).store(session)
    return wait_ms, spent_ms


def _take_back(state: GuessState, networks: Sequence[Level], spent_ms: int) -> None:
    """Undo the attempt. It stays counted if the audit log has an entry about the failures before it."""
    state.take_back(networks, spent_ms)
    if state.failures - 1 not in AUDITED_FAILURES:
        state.failures -= 1


def account_key(secret: bytes, purpose: str, email_key: str) -> str:
    """A keyed hash of an account, with a fixed length, that reveals nothing without the secret."""
    return hmac.new(secret, f"{purpose} {email_key}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()
