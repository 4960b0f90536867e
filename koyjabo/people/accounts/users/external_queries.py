"""Queries for users of other systems, who have no account: rows of `users` with the external id of their system.

A person is looked up by external id and the current token issuer or, if they were added before an issuer was set, by
external id only.
"""

import uuid
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.base.core.credential_rules import MAX_ACCOUNT_NAME_LENGTH
from koyjabo.people.accounts.passwords import UNUSABLE_PREFIX
from koyjabo.people.models import User

ADD_ATTEMPTS = 5


class ExternalPerson(NamedTuple):
    """A person: `id` is the row's id, `ref` is the external id."""

    id: str
    name: str
    ref: str


def find(session: Session, issuer: str, refs: Collection[str]) -> dict[str, ExternalPerson]:
    """The people with these external ids, by external id."""
    columns = User.id, User.name, User.external_ref, User.external_issuer
    query = select(*columns).where(User.external_ref.in_(refs), User.external_issuer.in_({issuer, ""}))
    rows = sorted(session.execute(query), key=lambda row: bool(row.external_issuer))  # rows with the issuer win
    return {row.external_ref: ExternalPerson(row.id, row.name, row.external_ref) for row in rows}


def put(session: Session, issuer: str, names: Mapping[str, str | None], now_ms: int) -> dict[str, ExternalPerson]:
    """Create unknown people, and rename known people to these names. Returns them by external id. If no name is given,
    a known person keeps the current name, and a new person is named after the external id.
    """
    people = find(session, issuer, names)
    for _ in range(ADD_ATTEMPTS):
        missing = sorted(names.keys() - people.keys())
        if not missing or _add(
            session, issuer, {ref: names[ref] or ref[:MAX_ACCOUNT_NAME_LENGTH] for ref in missing}, now_ms
        ):
            break
        people = find(session, issuer, names)  # another transaction has created some of them
    people = find(session, issuer, names)
    renamed = {person.id: name for ref, person in people.items() if (name := names[ref]) and name != person.name}
    for user_id in sorted(renamed):  # in a fixed order, so that two transactions never deadlock
        session.execute(update(User).where(User.id == user_id).values(name=renamed[user_id]))
    return {ref: person._replace(name=renamed.get(person.id, person.name)) for ref, person in people.items()}


def _add(session: Session, issuer: str, names: Mapping[str, str], now_ms: int) -> bool:
    """Insert people. Returns False, and inserts none, if one already exists."""
    same = {
        "external_issuer": issuer,
        "email": "",
        "password": UNUSABLE_PREFIX,
        "is_admin": False,
        "created_ms": now_ms,
    }
    rows: list[dict[str, object]] = []
    for ref, name in names.items():
        user_id = str(uuid.uuid4())
        rows.append({**same, "id": user_id, "email_key": f"~{user_id}", "external_ref": ref, "name": name})
    try:
        with session.begin_nested():
            session.execute(insert(User), rows)
    except IntegrityError:
        return False
    return True
