"""Queries for deliveries: due ones, results of attempts, resending, and limits per endpoint. Each runs within one
transaction (specification: Webhooks).

Stores events for webhooks, as operations for the database executor.
"""

import json
import random
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, exists, or_, select, text, update
from sqlalchemy.orm import Session, contains_eager, joinedload

from koyjabo.base.core.clock import MINUTE_MS
from koyjabo.base.database.rows import Page, changed_rows, length
from koyjabo.base.jobs import job_queries
from koyjabo.base.models import SITE, Scope, User, Webhook, WebhookDelivery, WebhookEvent
from . import queries
from .queries import DAY_MS, DEAD, DELIVERED, FAILING, GONE, HOUR_MS, PENDING

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


LEASE = "webhooks"

PAUSES_MS = (5_000, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS)
"""Pauses after failed attempts, except the last, ms. Each varies by up to a fifth, so that attempts do not all happen
at once.
"""

DISABLED_AFTER_MS = 3 * DAY_MS
"""How long an endpoint may keep failing before it is disabled, ms."""

LONGEST_RETRY_AFTER_MS = HOUR_MS
EVENTS_AT_ONCE, DELIVERIES_AT_ONCE = 100, 20
"""Maximum number of events, and of deliveries, per transaction."""

MAX_LOGGED = 20
"""Number of attempts whose responses are kept with a delivery."""

UNDISPATCHED = select(WebhookEvent.id).where(WebhookEvent.dispatched_ms.is_(None)).limit(1)

ADD_DELIVERY = text("""
INSERT INTO webhook_deliveries (webhook_id, event_id, state, attempts, next_ms, log, bytes)
VALUES (:webhook_id, :event_id, 'pending', 0, :now_ms, '[]', :bytes) ON CONFLICT (webhook_id, event_id) DO NOTHING
""")
"""Adds a delivery. `bytes` is the size of the event's data."""

MAX_ROWS, MAX_BYTES = 10_000, 20_000_000
"""Limits for one endpoint: number of waiting deliveries, and total size of their events' data, bytes."""

# `'pending'` is not a parameter, because SQLite would then not use the index of waiting deliveries. Deliveries created
# by the previous version have no `bytes` and count as MAX_BYTES / MAX_ROWS.
WAITING = text("""
SELECT webhook_id, count(*), sum(coalesce(bytes, 2000)) FROM webhook_deliveries
WHERE state = 'pending' AND webhook_id IN :webhook_ids GROUP BY webhook_id
""").bindparams(bindparam("webhook_ids", expanding=True))
NEWEST_OVER = text("""
SELECT n FROM (
  SELECT n, row_number() OVER newest_first AS number, sum(bytes) OVER newest_first AS bytes FROM (
    SELECT n, coalesce(bytes, 2000) AS bytes FROM webhook_deliveries
    WHERE state = 'pending' AND webhook_id = :webhook_id ORDER BY n DESC LIMIT :most_rows + 1
  ) AS newest WINDOW newest_first AS (ORDER BY n DESC)
) AS summed WHERE number > :most_rows OR bytes > :most_bytes ORDER BY n DESC LIMIT 1
""")
OLDEST = text("""
SELECT n FROM webhook_deliveries WHERE state = 'pending' AND webhook_id = :webhook_id AND n <= :newest
ORDER BY n LIMIT :size
""")


class PollResult(NamedTuple):
    """The result of a worker's poll, once a second."""

    has_new: bool  # an event without deliveries
    due: list[str]  # ids of webhooks
    over: list[str]  # ids in `due` with more waiting deliveries than allowed
    is_free: bool  # no other worker is sending
    has_clear_urls: bool


class DeliveryAttempt(NamedTuple):
    """The result of an attempt. `status` is the HTTP status, or the kind of the error."""

    n: int
    at_ms: int
    status: str
    took_ms: int
    response: str  # its first characters
    is_delivered: bool
    retry_after_ms: int = 0


class Marked(NamedTuple):
    sealed_url: str | None  # where to send next; None without the lease, or if the webhook is disabled or deleted
    died: int  # number of deliveries given up
    disabled: Webhook | None  # the webhook, if it was just disabled


def poll(session: Session, worker: str, now_ms: int) -> PollResult:
    is_any_enabled, has_clear_urls = queries.is_any_enabled(session), bool(queries.clear_urls(session))
    has_new = session.scalar(UNDISPATCHED) is not None
    if not is_any_enabled and not has_new:  # nearly always
        return PollResult(False, [], [], False, has_clear_urls)
    mine = (WebhookDelivery.webhook_id == Webhook.id, WebhookDelivery.state == PENDING)
    due = exists().where(*mine, WebhookDelivery.next_ms <= now_ms)
    ids = list(session.scalars(select(Webhook.id).where(Webhook.enabled, due))) if is_any_enabled else []
    over = over_limit(session, ids) if ids else []
    is_free = job_queries.is_lease_free(session, LEASE, worker, now_ms)
    return PollResult(has_new, ids, over, is_free, has_clear_urls)


def dispatch(session: Session, worker: str, now_ms: int, size: int) -> tuple[set[str], bool]:
    """Create deliveries for new events, oldest first: about `size` of them, but always for at least one event. Does
    nothing without the lease. Returns the ids of the webhooks that got deliveries, and whether there may be more.
    """
    if not job_queries.take_lease(session, LEASE, worker, now_ms):
        return set(), False
    webhooks = subscriptions(session)
    at_once = min(max(size // max(len(webhooks), 1), 1), EVENTS_AT_ONCE)
    new = select(WebhookEvent.id, WebhookEvent.type, WebhookEvent.scope, WebhookEvent.data)
    new = new.where(WebhookEvent.dispatched_ms.is_(None))
    events = session.execute(new.order_by(WebhookEvent.at_ms).limit(at_once)).all()
    rows = [
        _new(webhook.id, event.id, event.data, now_ms)
        for event in events
        for webhook in webhooks
        if webhook.receives(event.type, event.scope)
    ]
    if rows:
        session.execute(ADD_DELIVERY, rows)
    done = WebhookEvent.id.in_([event.id for event in events])
    session.execute(update(WebhookEvent).where(done).values(dispatched_ms=now_ms))
    return {str(row["webhook_id"]) for row in rows}, len(events) == at_once


def _new(webhook_id: str, event_id: str, data: str, now_ms: int) -> dict[str, Any]:
    """The parameters of ADD_DELIVERY."""
    return {"webhook_id": webhook_id, "event_id": event_id, "now_ms": now_ms, "bytes": len(data.encode())}


def take(
    session: Session, worker: str, webhook_id: str, now_ms: int
) -> tuple[Webhook, list[tuple[WebhookDelivery, WebhookEvent]]] | None:
    """The webhook and its due deliveries with their events, longest overdue first. None if no delivery is due, or if
    this worker does not hold the lease.
    """
    hook = session.get(Webhook, webhook_id)
    if hook is None or not hook.enabled or not job_queries.take_lease(session, LEASE, worker, now_ms):
        return None
    delivery = WebhookDelivery
    with_event = joinedload(delivery.event).joinedload(WebhookEvent.community)
    mine = (delivery.webhook_id == webhook_id, delivery.state == PENDING, delivery.next_ms <= now_ms)
    query = select(delivery).options(with_event).where(*mine).order_by(delivery.next_ms, delivery.n)
    rows = session.scalars(query.limit(DELIVERIES_AT_ONCE)).all()
    if not rows:
        return None
    gone = [row.n for row in rows if row.event is None]
    if gone:  # a statement, because another transaction may delete these rows with their webhook
        ends = update(delivery).where(delivery.n.in_(gone)).values(state=DEAD, done_ms=now_ms)
        session.execute(ends.execution_options(synchronize_session=False))
    return hook, [(row, row.event) for row in rows if row.event is not None]


def mark(
    session: Session,
    worker: str,
    webhook_id: str,
    attempts: list[DeliveryAttempt],
    now_ms: int,
    on_disabled: Callable[[Session, Webhook], None],
) -> Marked:
    """Store the results of attempts in order. This does not require the lease, because the attempts have already been
    made. Keeps the lease if this worker holds it, but does not take a released one. `on_disabled` is called in the
    transaction that disables the webhook.
    """
    has_lease = job_queries.keep(session, LEASE, worker, now_ms)
    hook = session.get(Webhook, webhook_id)
    if hook is None:
        return Marked(None, 0, None)
    died = 0
    for attempt in attempts:
        hook.last_status, hook.last_ms = attempt.status, attempt.at_ms
        if attempt.is_delivered:
            hook.failing_since_ms = None
        elif hook.failing_since_ms is None:
            hook.failing_since_ms = attempt.at_ms
        row = session.get(WebhookDelivery, attempt.n)
        if row is not None and row.state == PENDING:
            _store(row, attempt, now_ms)
            died += row.state == DEAD
    session.flush()
    reason = _reason(hook, attempts[-1], now_ms) if hook.enabled else None
    if reason is None:
        return Marked(queries.sealed_url(hook) if has_lease and hook.enabled else None, died, None)
    queries.disable(session, hook, reason, now_ms)
    disabled = queries.find(session, webhook_id)
    on_disabled(session, disabled)
    return Marked(None, died, disabled)


def _store(row: WebhookDelivery, attempt: DeliveryAttempt, now_ms: int) -> None:
    row.attempts += 1
    row.last_status = attempt.status
    entry = {"at_ms": attempt.at_ms, "status": attempt.status, "took_ms": attempt.took_ms, "answer": attempt.response}
    row.log = json.dumps([*json.loads(row.log), entry][-MAX_LOGGED:], ensure_ascii=False)
    if attempt.is_delivered:
        row.state, row.done_ms = DELIVERED, now_ms
    elif row.attempts > len(PAUSES_MS):
        row.state, row.done_ms = DEAD, now_ms
    else:
        asked_ms = min(attempt.retry_after_ms, LONGEST_RETRY_AFTER_MS)
        row.next_ms = now_ms + max(pause_ms(row.attempts), asked_ms)


def pause_ms(attempts: int) -> int:
    """The pause after this many failed attempts, ms."""
    return round(PAUSES_MS[attempts - 1] * random.uniform(0.8, 1.2))


def _reason(hook: Webhook, newest: DeliveryAttempt, now_ms: int) -> str | None:
    """Why the webhook must be disabled, or None."""
    if newest.status == "410":
        return GONE
    since_ms = hook.failing_since_ms
    return FAILING if since_ms is not None and now_ms - since_ms >= DISABLED_AFTER_MS else None


def page(session: Session, webhook_id: str, state: str | None, start: int, count: int) -> Page[WebhookDelivery]:
    """A page of deliveries with their events, newest first. For all other deliveries, only the keys are read, because
    there may be a million.
    """
    keys = select(WebhookDelivery.n).where(WebhookDelivery.webhook_id == webhook_id)
    if state is not None:
        keys = keys.where(WebhookDelivery.state == state)
    these = keys.order_by(WebhookDelivery.n.desc()).offset(start).limit(count).subquery()
    query = select(WebhookDelivery).join(these, these.c.n == WebhookDelivery.n).join(WebhookDelivery.event)
    query = query.options(contains_eager(WebhookDelivery.event)).order_by(WebhookDelivery.n.desc())
    return Page(tuple(session.scalars(query)), length(session, keys))


def send_test(session: Session, webhook_id: str, now_ms: int, data: dict[str, Any]) -> None:
    """Create an event and its delivery for this webhook only."""
    event_id, written = str(uuid.uuid4()), json.dumps(data)
    event = {"key": f"test:{event_id}", "scope": SITE, "at_ms": now_ms, "dispatched_ms": now_ms}
    session.add(WebhookEvent(id=event_id, type="test", data=written, **event))
    session.execute(ADD_DELIVERY, _new(webhook_id, event_id, written, now_ms))


def resend(session: Session, webhook_id: str, n: int, now_ms: int) -> bool:
    """Send a delivery again. Returns False if there is no such delivery."""
    this = (WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.n == n)
    values = {"state": PENDING, "attempts": 0, "next_ms": now_ms, "done_ms": None}
    return changed_rows(session, update(WebhookDelivery).where(*this).values(**values)) == 1


def over_limit(session: Session, webhook_ids: Collection[str]) -> list[str]:
    """The webhooks among `webhook_ids` that exceed their limits. Reads only the index of waiting deliveries: 1 ms for
    MAX_ROWS.
    """
    waiting = session.execute(WAITING, {"webhook_ids": list(webhook_ids)})
    return [webhook_id for webhook_id, rows, size in waiting if rows > MAX_ROWS or size > MAX_BYTES]


def newest_over(session: Session, webhook_id: str) -> int | None:
    """The newest delivery that must be dropped, along with all older ones; None within the limits. Reads MAX_ROWS
    index entries, however many deliveries are waiting.
    """
    limits = {"most_rows": MAX_ROWS, "most_bytes": MAX_BYTES}
    newest: int | None = session.scalar(NEWEST_OVER, {"webhook_id": webhook_id, **limits})
    return newest


def drop_oldest(session: Session, webhook_id: str, newest: int, now_ms: int, size: int) -> tuple[int, bool]:
    """Delete up to `size` of an endpoint's oldest deliveries, up to `newest`. Returns how many were deleted, and
    whether there may be more.
    """
    oldest = list(session.scalars(OLDEST, {"webhook_id": webhook_id, "newest": newest, "size": size}))
    # Another worker may have delivered some. A plain comparison of `state` would make SQLite read the waiting
    # deliveries of all endpoints.
    is_pending = WebhookDelivery.state.concat("") == PENDING
    removal = delete(WebhookDelivery).where(WebhookDelivery.n.in_(oldest), is_pending)
    number = changed_rows(session, removal.execution_options(synchronize_session=False))
    if number:
        session.execute(update(Webhook).where(Webhook.id == webhook_id).values(dropped_ms=now_ms))
    return number, len(oldest) == size
