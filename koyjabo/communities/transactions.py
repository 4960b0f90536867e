"""Methods that change communities, each in one transaction with its audit entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import Account
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Community
from koyjabo.people.accounts.queries import record_revocation
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor, Subject

Result = TypeVar("Result")
Params = ParamSpec("Params")


@dataclass(slots=True)
class Transaction:
    session: Any
    by: Actor
    revoked: list[str] = field(default_factory=list)  # ids of users and communities

    @property
    def at_ms(self) -> int:
        return self.by.at_ms

    def log(self, action: str, community: Community, **details: Any) -> None:
        """Store an audit entry."""
        self.by.entry(action, subject(community), **details).store(self.session)

    def revoke(self, whose: str) -> None:
        """Record that a user, or people in a community, have lost a permission. Call this after the change, because
        other transactions lock the rows in this order.
        """
        self.session.flush()
        record_revocation(self.session)
        self.revoked.append(whose)


class Changes:
    """A class with methods marked `transaction`. After a commit, `on_revoked` is called with the id of each user who
    lost a permission, or of the community that was deleted, archived or hidden.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, on_revoked: Callable[[str], object]) -> None:
        self._database = database
        self._clock = clock
        self._on_revoked = on_revoked


def transaction(
    method: Callable[Concatenate[Any, Transaction, Account, Params], Result],
) -> Callable[Concatenate[Any, Account, Params], Result]:
    """Run a method in one transaction on the writer thread. Callers leave out the transaction."""

    @wraps(method)
    def run(self: Any, account: Account, /, *args: Params.args, **kwargs: Params.kwargs) -> Result:
        by = log.actor(account, self._clock)  # in the request's task, which knows its location
        revoked: list[str] = []
        result: Result = self._database.write(
            lambda session: method(self, Transaction(session, by, revoked), account, *args, **kwargs)
        )
        for whose in revoked:
            self._on_revoked(whose)
        return result

    return run


def subject(community: Community) -> Subject:
    return Subject("community", community.id, community.name)
