"""Who did what, to whom, from where, when.

A line is written in the transaction that does it, by the domain method that does it, whoever called that: the API, the
panel or the command line. So there is no line for what did not happen, and nothing that happened without one.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from koyjabo.audit import queries
from koyjabo.audit.queries import Entry, Line, noting

if TYPE_CHECKING:
    from koyjabo.clock import Clock
    from koyjabo.database.executor import DatabaseExecutor
    from koyjabo.identity import Account

__all__ = [
    "ACTIONS",
    "OPERATOR",
    "Audit",
    "AuditPage",
    "Author",
    "Entry",
    "Line",
    "Target",
    "author",
    "noting",
    "whence",
]

OPERATOR = "operator"
"""Asks for the lines of whoever sat at the command line."""

ACTIONS = (
    "community.create",
    "community.change",
    "community.archive",
    "community.restore",
    "community.delete",
    "member.join",
    "member.leave",
    "member.add",
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
    "user.promote",
    "user.demote",
    "user.disable",
    "user.enable",
    "user.log_out",
    "visitor.forget",
    "total.set",
    "ledger.recount",
    "ledger.recounted",
    "ledger.repair",
    "ledger.restore",
    "visits.export",
    "visits.import",
)

whence: ContextVar[str] = ContextVar("whence", default="")
"""The place that the present request comes from, said by whoever lets it in before it changes anything; never an
address (specification: Storage).
"""


class Target(NamedTuple):
    """What something is done to, and what it is called now."""

    kind: str
    id: str
    name: str


class Author(NamedTuple):
    """Somebody who is about to do something. `id` is None for the operator, and "" where nobody knows who it is."""

    id: str | None
    name: str
    place: str
    at_ms: int

    def did(self, action: str, target: Target, **details: Any) -> Entry:
        """`details` are JSON, and say nothing that is secret."""
        return Entry(self.at_ms, self.id, self.name, action, *target, details, self.place)


def author(account: Account | None, clock: Clock) -> Author:
    """Who acts in the present request; None is the operator, at the command line. To be asked in the request itself:
    errands run elsewhere.
    """
    if account is None:
        return Author(None, "", "", clock.now_ms())
    return Author(account.id, account.name, whence.get(), clock.now_ms())


def nobody(now_ms: int) -> Author:
    """Whoever sends the present request, and has not proved to be anybody."""
    return Author("", "", whence.get(), now_ms)


class AuditPage(NamedTuple):
    """Lines, newest first, and the cursor to go on with: None at the end."""

    lines: tuple[Line, ...]
    before: int | None


class Audit:
    """For admins of the site; everybody else is Forbidden. Raises LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor) -> None:
        self._database = database

    def page(
        self, account: Account, before: int | None = None, count: int = 50, actor: str = "", action: str = ""
    ) -> AuditPage:
        """`count` lines from before the cursor; those by a user (their id) or the OPERATOR, and of one of ACTIONS."""
        account.require_site_admin()
        by = None if actor == OPERATOR else actor
        wanted = partial(queries.newest, before=before, count=count + 1, actor=by, action=action)
        found = self._database.read(wanted)
        lines = found[:count]
        return AuditPage(lines, lines[-1].id if len(found) > count else None)
