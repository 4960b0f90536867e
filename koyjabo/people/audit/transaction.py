"""Changes with audit entries: one method, in one transaction on the writer thread."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.database.executor import DatabaseExecutor
from .log import Actor, Subject, actor
from .queries import record_revocation, record_shown_people

Result = TypeVar("Result")
Params = ParamSpec("Params")
Who = TypeVar("Who", Account, Login)


@dataclass(slots=True)
class Transaction:
    """The transaction of a change, and its author."""

    session: Any
    by: Actor
    revoked: list[str] = field(default_factory=list)
    """Ids of users, sessions and communities, for `Changes`."""

    @property
    def at_ms(self) -> int:
        return self.by.at_ms

    def log(self, action: str, subject: Subject, **details: Any) -> None:
        """Store an audit entry."""
        self.by.entry(action, subject, **details).store(self.session)

    def revoke(self, whose: str) -> None:
        """Record that a user, or people in a community, have lost a permission. Call this after the change, because
        other transactions lock the rows in this order.
        """
        self.session.flush()
        record_revocation(self.session)
        self.revoked.append(whose)

    def show_others(self, whose: str) -> None:
        """Record that other people are named as online, because of a user or in a community. Call it like `revoke`."""
        record_shown_people(self.session)
        self.revoke(whose)


class Changes:
    """A class with methods marked `transaction`. After a commit, `on_revoked` is called with the id of each user who
    lost a permission or appears offline or online, of each ended session, or of the community that was deleted,
    archived or changed.
    """

    def __init__(
        self, database: DatabaseExecutor, clock: Clock, on_revoked: Callable[[str], object] = lambda whose: None
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_revoked = on_revoked


def transaction(
    method: Callable[Concatenate[Any, Transaction, Who, Params], Result],
) -> Callable[Concatenate[Any, Who, Params], Result]:
    """Run a method in one transaction on the writer thread. Callers leave out the transaction."""

    @wraps(method)
    def run(self: Any, who: Who, /, *args: Params.args, **kwargs: Params.kwargs) -> Result:
        account = who.account if isinstance(who, Login) else who
        by = actor(account, self._clock)  # in the request's task, which knows its location
        revoked: list[str] = []
        result: Result = self._database.write(
            lambda session: method(self, Transaction(session, by, revoked), who, *args, **kwargs)
        )
        for whose in revoked:
            self._on_revoked(whose)
        return result

    return run
