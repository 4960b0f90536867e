"""Queries for password guesses by account, as operations of the database executor."""

from collections.abc import Callable, Sequence

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import change_in_database
from koyjabo.people.accounts.models import LoginFailures
from . import guess_budget
from .guess_budget import GuessState, Plan

MAX_SWEPT = 100
"""How many expired rows are deleted whenever one is added. More than one, so that the table shrinks after a burst."""

UNLOCK_EFFECT_MS = 120_000
"""How long workers ignore earlier failures after an unlock, ms. Workers count failures for only a minute."""

ADD_FAILURES = text(
    "INSERT INTO login_failures (account, failures, began_ms, state, expires_ms) "
    "VALUES (:account, 0, :now_ms, '{}', 0) ON CONFLICT (account) DO NOTHING"
)


def lock(session: Session, account: str, plan: Plan, now_ms: int) -> GuessState:
    """The state of an account, locked until the transaction ends."""
    session.execute(ADD_FAILURES, {"account": account, "now_ms": now_ms})
    return find(session, account, plan, now_ms, locked=True) or GuessState(plan)


def find(session: Session, account: str, plan: Plan, now_ms: int, locked: bool = False) -> GuessState | None:
    query = select(LoginFailures.failures, LoginFailures.state, LoginFailures.expires_ms)
    query = query.where(LoginFailures.account == account)
    row = session.execute(query.with_for_update() if locked else query).one_or_none()
    if row is None or row.expires_ms <= now_ms:
        return None
    return guess_budget.load(row.failures, row.state, plan, now_ms)


def store(session: Session, account: str, state: GuessState, expires_ms: int) -> None:
    values = {"failures": state.failures, "state": state.dump(), "expires_ms": expires_ms}
    session.execute(update(LoginFailures).where(LoginFailures.account == account).values(values))


def change(session: Session, account: str, plan: Plan, now_ms: int, change: Callable[[GuessState], None]) -> None:
    """Change a state in place, if there is one."""
    state = find(session, account, plan, now_ms, locked=True)
    if state is not None:
        change(state)
        store(session, account, state, state.expires_ms(now_ms))


def sweep(session: Session, now_ms: int) -> None:
    """Delete up to MAX_SWEPT expired rows. Skips locked rows, so that concurrent sweeps do not wait for each other."""
    expired = select(LoginFailures.account).where(LoginFailures.expires_ms <= now_ms).limit(MAX_SWEPT)
    gone = delete(LoginFailures).where(LoginFailures.account.in_(expired.with_for_update(skip_locked=True)))
    change_in_database(session, gone)


def forget(session: Session, accounts: Sequence[str]) -> None:
    session.execute(delete(LoginFailures).where(LoginFailures.account.in_(accounts)))
