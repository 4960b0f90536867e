"""Stores events for webhooks, as operations for the database executor."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from koyjabo.base.models import Scope, User, Webhook, WebhookEvent

ADD_EVENT = text("""
INSERT INTO webhook_events (id, type, key, scope, at_ms, data) VALUES (:id, :type, :key, :scope, :at_ms, :data)
ON CONFLICT (key) DO NOTHING
""")

ENABLED = select(Webhook).where(Webhook.enabled)


class WebhookFact(NamedTuple):
    """An event. Only one event with the same `key` is stored. `data` is JSON of less than 20 KB, without visitorIds or
    emails.
    """

    type: str
    key: str
    scope: Scope
    at_ms: int
    data: str


def record(session: Session, type: str, key: str, scope: Scope, at_ms: int, data: Mapping[str, Any]) -> None:
    """Store an event in the transaction of the change. `key` may have up to 140 characters (see WebhookFact)."""
    record_all(session, [WebhookFact(type, key, scope, at_ms, json.dumps(data, ensure_ascii=False))])


def record_all(session: Session, events: Sequence[WebhookFact]) -> None:
    session.execute(ADD_EVENT, [{"id": str(uuid.uuid4()), **event._asdict()} for event in events])


def scopes_since(session: Session, types: Collection[str], since_ms: int) -> list[Scope]:
    """The scopes with an event of any of these types since the given time. Uses the index on `dispatched_ms`."""
    of_late = or_(WebhookEvent.dispatched_ms.is_(None), WebhookEvent.dispatched_ms >= since_ms)
    rows = select(WebhookEvent.scope).where(of_late, WebhookEvent.at_ms >= since_ms, WebhookEvent.type.in_(types))
    return [Scope(scope) for scope in session.scalars(rows.distinct())]


def known_users(session: Session, users: Collection[str]) -> dict[str, str | None]:
    """The `users` who are not deleted, with their external ids. Locks them against deletion until the commit, so that a
    deletion also finds the data stored about them here.
    """
    rows = select(User.id, User.external_ref).where(User.id.in_(users)).order_by(User.id)
    return {row.id: row.external_ref for row in session.execute(rows.with_for_update(read=True, key_share=True))}


def subscriptions(session: Session) -> list[Webhook]:
    """The enabled webhooks."""
    return list(session.scalars(ENABLED))
