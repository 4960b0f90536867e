"""The audit log: the author, action, subject, place and time of each audited change.

The service that makes a change stores the entry in the same transaction, for the API, the panel and the command line
alike. So each audited change has one entry, and each entry a change.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from koyjabo.audit import queries
from koyjabo.audit.queries import AuditRecord, Entry
from koyjabo.identity import MASKED, OPERATOR

if TYPE_CHECKING:
    from koyjabo.clock import Clock
    from koyjabo.database.executor import DatabaseExecutor
    from koyjabo.identity import Account

__all__ = [
    "ACTIONS",
    "BY_OPERATOR",
    "Actor",
    "Audit",
    "AuditPage",
    "AuditRecord",
    "Entry",
    "Subject",
    "actor",
    "anonymous",
    "request_place",
]

BY_OPERATOR = "operator"
"""Filters records by the operator."""

ACTIONS = (
    "community.create",
    "community.change",
    "community.archive",
    "community.restore",
    "community.delete",
    "member.join",
    "member.leave",
    "member.add",
    "member.invite",
    "member.withdraw",
    "member.accept",
    "member.decline",
    "member.role",
    "member.remove",
    "user.sign_up",
    "login.fail",
    "session.begin",
    "session.end",
    "session.revoke",
    "session.replay",
    "user.create",
    "user.password",
    "user.password_reset",
    "user.verify",
    "user.change",
    "user.export",
    "user.delete",
    "user.promote",
    "user.demote",
    "user.role",
    "user.disable",
    "user.enable",
    "user.unlock",
    "user.log_out",
    "second_factor.add",
    "second_factor.remove",
    "second_factor.codes",
    "second_factor.reset",
    "second_factor.fail",
    "visitor.forget",
    "total.set",
    "ledger.recount",
    "ledger.recounted",
    "ledger.repair",
    "ledger.restore",
    "visits.export",
    "visits.import",
)

request_place: ContextVar[str] = ContextVar("request_place", default="")
"""The place from which the current request comes, such as "Dhaka, BD"; never an address (specification: Storage). The
transport sets it before the request changes anything.
"""


class Subject(NamedTuple):
    """The object of an action, with its current name."""

    kind: str
    id: str
    name: str


class Actor(NamedTuple):
    """The author of an entry. `id` is None for the operator, and "" for an unknown client. `at_ms` is UTC."""

    id: str | None
    name: str
    place: str
    at_ms: int

    def entry(self, action: str, subject: Subject, **details: Any) -> Entry:
        """Make an entry. `details` become JSON and contain no secrets."""
        return Entry(self.at_ms, self.id, self.name, action, *subject, details, self.place)


def actor(account: Account, clock: Clock) -> Actor:
    """The author of the current request's actions. Call it in the task of the request, not in an operation, which runs
    on another thread.
    """
    if account is OPERATOR:
        return Actor(None, "", "", clock.now_ms())
    return Actor(account.id, account.name, request_place.get(), clock.now_ms())


def anonymous(now_ms: int) -> Actor:
    """The client of the current request, before it is authenticated."""
    return Actor("", "", request_place.get(), now_ms)


EMAIL = re.compile(r"[^\s@\"'<>(),;:]+@[^\s@\"'<>(),;:]+")


class AuditPage(NamedTuple):
    """Records, newest first, and the cursor of the next page: None at the end."""

    lines: tuple[AuditRecord, ...]
    before: int | None


class Audit:
    """For admins of the site, and for its viewers with masked emails; raises Forbidden for other accounts, and
    LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor) -> None:
        self._database = database

    def page(
        self, account: Account, before: int | None = None, count: int = 50, actor: str = "", action: str = ""
    ) -> AuditPage:
        """`count` records from before the cursor, by a user (id) or BY_OPERATOR, and of one of ACTIONS."""
        account.require_site_viewer()
        by = None if actor == BY_OPERATOR else actor
        found = self._database.read(queries.newest, before, count + 1, by, action)
        lines = tuple(_as_shown_to(account, each) for each in found[:count])
        return AuditPage(lines, lines[-1].id if len(found) > count else None)


def _as_shown_to(account: Account, line: AuditRecord) -> AuditRecord:
    """The name of a user who is the subject is their email."""
    if account.is_admin:
        return line
    target = MASKED if line.target_kind == "user" and line.target else _masked(line.target)
    return line._replace(target=target, details=_masked(line.details))


def _masked(value: Any) -> Any:
    """With MASKED in place of what looks like an email, in texts of any depth."""
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return EMAIL.sub(MASKED, value) if isinstance(value, str) else value
