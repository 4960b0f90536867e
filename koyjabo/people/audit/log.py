"""The audit log: the author, action, subject, location and time of each audited change.

The service that makes a change stores the entry in the same transaction, whether it was called by the API, the panel or
the command line. So each audited change has exactly one entry (`transaction`).
"""

from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.base.core.registry import Registry
from koyjabo.base.network import client_address
from koyjabo.people.models import Community
from .queries import AuditRecord

ACTION_LABELS = Registry({"server.version": N_("New version started")})
"""Labels by action, marked with `N_`. Features fill it."""

ROUTINE_ACTIONS: Registry[str, str] = Registry()
"""Actions that change nothing, which the page leaves out unless all are requested. The value is a text in the JSON of
the details that makes an entry routine; "" if each is. Features fill it.
"""

SUBJECT_LABELS = Registry({"community": N_("Community"), "user": N_("User")})
"""Labels by kind of subject, marked with `N_`. Features fill it."""


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
