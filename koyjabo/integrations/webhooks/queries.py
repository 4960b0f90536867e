"""Queries for webhooks, within one transaction. The caller checks the rules."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session, joinedload

from koyjabo.base.core.clock import MINUTE_MS
from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import uuid_of
from koyjabo.base.database.rows import changed_rows, lock_limit
from koyjabo.base.models import User, Webhook, WebhookDelivery

HOUR_MS, DAY_MS = 60 * MINUTE_MS, 24 * 60 * MINUTE_MS
PENDING, DELIVERED, DEAD = STATES = ("pending", "delivered", "dead")
"""States of a delivery."""

AT_ONCE = 1_000
"""Number of deliveries that are given up in the transaction that disables their webhook."""

CUT = "…"
"""Replaces the hidden part of a shortened URL. Real URLs never contain it, because they are ASCII."""

# Built once, because every worker executes them every second.
ANY_ENABLED = select(Webhook.id).where(Webhook.enabled).limit(1)
JOINED = select(Webhook).options(joinedload(Webhook.community), joinedload(Webhook.maker))
CLEAR_URLS = select(Webhook.id, Webhook.url).where(~Webhook.url.contains(CUT))

TURNED_OFF, GONE, FAILING = "turned_off", "gone", "failing"
"""Why a webhook is off: a person turned it off, its endpoint responded with 410, or it failed for days."""


class UnknownWebhook(KoyJaboError):
    status = 404
    sentence = N_("Webhook not found. It may already have been deleted.")


class Standing(NamedTuple):
    """The state of all webhooks, for Health."""

    number: int = 0
    disabled: int = 0  # disabled because of their endpoints, not by people
    failing_since_ms: int | None = None  # the earliest among enabled ones
    dropped_ms: int | None = None  # when deliveries were last dropped because too many waited
    dropped_host: str = ""  # of their endpoint


def count(session: Session) -> int:
    """Number of webhooks. Locks the count until the commit, so that only one transaction at a time can add
    a webhook.
    """
    lock_limit(session, Webhook)
    return session.scalar(select(func.count()).select_from(Webhook)) or 0


def is_any_enabled(session: Session) -> bool:
    return session.scalar(ANY_ENABLED) is not None


def find(session: Session, webhook_id: str, lock: bool = False) -> Webhook:
    """One webhook, with its community and maker. `lock` locks it until the commit. Raises UnknownWebhook."""
    query = JOINED.where(Webhook.id == uuid_of(webhook_id))
    if lock:
        query = query.with_for_update(of=Webhook)
    webhook = session.scalar(query)
    if webhook is None:
        raise UnknownWebhook
    return webhook


def everything(session: Session, *which: ColumnElement[bool]) -> list[Webhook]:
    """Webhooks with their communities and makers, in the order they were created."""
    return list(session.scalars(JOINED.where(*which).order_by(Webhook.created_ms, Webhook.id)))


def sealed_url(webhook: Webhook) -> str:
    """A webhook's sealed URL; "" if there is none, or if the previous version has replaced the URL since."""
    return (webhook.sealed_url or "") if CUT in webhook.url else ""


def clear_urls(session: Session) -> list[tuple[str, str]]:
    """The ids and URLs of webhooks whose URL is not sealed."""
    return [(webhook_id, url) for webhook_id, url in session.execute(CLEAR_URLS)]


def seal_url(session: Session, webhook_id: str, url: str, columns: dict[str, Any]) -> None:
    """Store `columns`, unless the URL is no longer `url`."""
    session.execute(update(Webhook).where(Webhook.id == webhook_id, Webhook.url == url).values(**columns))


def disable(session: Session, webhook: Webhook, reason: str, now_ms: int) -> None:
    """Disable a webhook. From now on, no events are stored for it, and pending deliveries are not sent. Call `give_up`
    until it returns False.
    """
    webhook.enabled, webhook.disabled_reason = False, reason
    session.flush()
    give_up(session, webhook.id, now_ms, AT_ONCE)


def give_up(session: Session, webhook_id: str, now_ms: int, size: int) -> bool:
    """Give up `size` pending deliveries of a webhook, unless it is enabled. Returns whether there may be more."""
    if session.scalar(select(Webhook.enabled).where(Webhook.id == webhook_id)):
        return False
    mine = (WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == PENDING)
    some = WebhookDelivery.n.in_(select(WebhookDelivery.n).where(*mine).limit(size))
    given_up = update(WebhookDelivery).where(some).values(state=DEAD, done_ms=now_ms)
    return changed_rows(session, given_up.execution_options(synchronize_session=False)) == size


def remove_deliveries(session: Session, webhook_id: str, size: int) -> int:
    """Remove `size` deliveries of a removed webhook. Returns how many were removed."""
    some = select(WebhookDelivery.n).where(WebhookDelivery.webhook_id == webhook_id).limit(size)
    removal = delete(WebhookDelivery).where(WebhookDelivery.n.in_(some))
    return changed_rows(session, removal.execution_options(synchronize_session=False))


def removed_webhook(session: Session) -> str | None:
    """The id of a removed webhook that still has deliveries. Takes one index look-up per webhook."""
    reached: str | None = ""
    while reached is not None:
        next_id = select(func.min(WebhookDelivery.webhook_id)).where(WebhookDelivery.webhook_id > reached)
        reached = session.scalar(next_id)
        if reached is not None and session.get(Webhook, reached) is None:
            return reached
    return None


def standing(session: Session) -> Standing:
    disabled = func.count().filter(Webhook.disabled_reason.in_((GONE, FAILING)))
    failing = func.min(Webhook.failing_since_ms).filter(Webhook.enabled)
    numbers = session.execute(select(func.count(), disabled, failing).select_from(Webhook)).one()
    newest = select(Webhook).where(Webhook.dropped_ms.is_not(None)).order_by(Webhook.dropped_ms.desc()).limit(1)
    dropped = session.scalar(newest)
    return Standing(*numbers, *((dropped.dropped_ms, dropped.host) if dropped else ()))


def recipients(session: Session) -> Sequence[Any]:
    """The `email` and `language` of the site's admins with a confirmed email."""
    query = select(User.email, User.language).where(User.is_admin)
    query = query.where(User.verified_ms.is_not(None), User.disabled_ms.is_(None))
    return session.execute(query.order_by(User.id)).all()
