"""Entries of the audit log about users."""

from __future__ import annotations

from koyjabo.accounts.queries import Person
from koyjabo.audit.log import Actor, Entry, Subject
from koyjabo.identity import Account


def subject(person: Person | Account) -> Subject:
    return Subject("user", person.id, person.email)


def own_entry(client: Actor, action: str, person: Person | None) -> Entry | None:
    """An action of `person` on their own account."""
    return client._replace(id=person.id, name=person.name).entry(action, subject(person)) if person else None
