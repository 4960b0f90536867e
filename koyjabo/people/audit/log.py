"""The audit log: the author, action, subject, location and time of each audited change.

The service that makes a change stores the entry in the same transaction, whether it was called by the API, the panel or
the command line. So each audited change has exactly one entry. `transaction` marks methods that change something.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import MASKED_TEXT, OPERATOR, Account, Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.network import client_address
from koyjabo.people.models import Community
from . import queries
from .queries import AuditRecord, record_revocation

CHANGES = {"server.version": N_("New version started")}
"""Labels by action. Each module that records actions adds its own labels, marked with `N_`."""


SUBJECTS = {"community": N_("Community"), "user": N_("User"), "key": N_("Key")}
"""Labels by kind of subject. Features add their own labels, marked with `N_`."""


class Subject(NamedTuple):
    """What an action changed, with its current name."""

    kind: str
    id: str
    name: str


def community_subject(community: Community) -> Subject:
    return Subject("community", community.id, community.name)


class Actor(NamedTuple):
    """The author of an entry. `id` is None for the operator, and "" for an unknown client. `at_ms` is UTC."""

    id: str | None
    name: str
    place: str
    at_ms: int

    def entry(self, action: str, subject: Subject, **details: Any) -> AuditRecord:
        """Make an entry. `details` become JSON and contain no secrets."""
        return AuditRecord(0, self.at_ms, self.id, self.name, action, *subject, details, self.place)


def actor(account: Account, clock: Clock) -> Actor:
    """The author of the current request's actions. Call this in the request's task, not in an operation, which runs on
    another thread.
    """
    if account is OPERATOR:
        return Actor(None, "", "", clock.now_ms())
    return Actor(account.id, account.name, client_address.current_place.get(), clock.now_ms())


def anonymous(now_ms: int) -> Actor:
    """The client of the current request, before it is authenticated."""
    return Actor("", "", client_address.current_place.get(), now_ms)


WORD = r"[^\s@\"'<>(),;:]"
EMAIL = re.compile(rf"(?<!{WORD}){WORD}++@{WORD}+")


class AuditPage(NamedTuple):
    """Records, newest first, and the cursor of the next page, which is None at the end."""

    lines: tuple[AuditRecord, ...]
    before: int | None


class Audit:
    """The audit log, for site admins. Site viewers get masked emails. Raises Forbidden for other accounts, and
    LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor) -> None:
        self._database = database

    def page(self, account: Account, before: int | None = None, count: int = 50) -> AuditPage:
        """`count` records before the cursor."""
        account.require_site_viewer()
        records = self._database.read(queries.page, before, count + 1)
        lines = records[:count] if account.is_admin else tuple(map(_masked_record, records[:count]))
        return AuditPage(lines, lines[-1].id if len(records) > count else None)


def _masked_record(line: AuditRecord) -> AuditRecord:
    """The record for viewers. If the target is a user, its name is the user's email."""
    target = MASKED_TEXT if line.target_kind == "user" and line.target else masked(line.target)
    return line._replace(target=target, details=masked(line.details))


def masked(value: Any) -> Any:
    """`value` with everything that looks like an email replaced by MASKED_TEXT, including in nested values."""
    if isinstance(value, dict):
        return {name: masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return EMAIL.sub(MASKED_TEXT, value) if isinstance(value, str) else value


class VersionLog:
    """Records that the server has started with a different version. Call `record` repeatedly: it succeeds once, as soon
    as the database responds.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, version: str) -> None:
        self._database = database
        self._clock = clock
        self._version = version
        self._is_recorded = False

    def record(self) -> None:
        """Record this version, unless the latest record already has it. If several workers start at once, only one
        writes the record.
        """
        if self._is_recorded:
            return
        try:
            if self._database.read(queries.newest_version) != self._version:
                by = actor(OPERATOR, self._clock)

                def operation(session: Any) -> None:
                    before = queries.lock_newest_version(session)
                    if before != self._version:  # otherwise another worker was faster
                        details = {"version": self._version, "before": before}
                        by.entry("server.version", Subject("server", "", ""), **details).store(session)

                self._database.write(operation)
        except LedgerUnavailable:
            return  # the next call tries again
        self._is_recorded = True

    def forget(self) -> None:
        """Make the next call to `record` check the database again."""
        self._is_recorded = False


Result = TypeVar("Result")
Params = ParamSpec("Params")
Who = TypeVar("Who", Account, Login)


@dataclass(slots=True)
class Transaction:
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


class Changes:
    """A class with methods marked `transaction`. After a commit, `on_revoked` is called with the id of each user who
    lost a permission, of each ended session, or of the community that was deleted, archived or hidden.
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
