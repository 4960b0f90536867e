"""Entries of the audit log about users."""

from __future__ import annotations

from typing import Any

from koyjabo.accounts.queries import UserRecord
from koyjabo.audit.log import Actor, AuditEntry, Subject
from koyjabo.core.identity import Account


def subject(person: UserRecord | Account) -> Subject:
    return Subject("user", person.id, person.email)


def own_entry(client: Actor, action: str, person: UserRecord | None, **details: Any) -> AuditEntry | None:
    """An action of `person` on their own account."""
    if person is None:
        return None
    return client._replace(id=person.id, name=person.name).entry(action, subject(person), **details)
