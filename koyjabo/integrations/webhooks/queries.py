"""Queries for webhooks, within one transaction. The caller checks the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import MINUTE_MS
from koyjabo.base.core.identity import Maker
from koyjabo.base.database.rows import changed_rows, lock_limit
from koyjabo.base.models import Community, User, Webhook, WebhookDelivery

HOUR_MS, DAY_MS = 60 * MINUTE_MS, 24 * 60 * MINUTE_MS
PENDING, DELIVERED, DEAD = STATES = ("pending", "delivered", "dead")
"""States of a delivery."""

AT_ONCE = 1_000
"""Number of deliveries that are given up in the transaction that disables their webhook."""

CUT = "…"
"""Replaces the hidden part of a shortened URL. Real URLs never contain it, because they are ASCII."""

# Built once, because every worker executes them every second.
ANY_ENABLED = select(Webhook.id).where(Webhook.enabled).limit(1)
CLEAR_URLS = select(Webhook.id, Webhook.url).where(~Webhook.url.contains(CUT))

TURNED_OFF, GONE, FAILING = "turned_off", "gone", "failing"
"""Why a webhook is off: a person turned it off, its endpoint responded with 410, or it failed for days."""


class Endpoint(NamedTuple):
    """A webhook without its secrets."""

    id: str
    url: str  # shortened
    types: tuple[str, ...]
    community_id: str | None
    community: str | None  # its name
    format: str
    description: str
    enabled: bool
    disabled_reason: str | None
    failing_since_ms: int | None
    created_ms: int
    last_status: str | None  # of the newest attempt
    last_ms: int | None
    created_by: Maker | None  # None: unknown, an API key, or a deleted account

    @property
    def host(self) -> str:
        """The URL's host, which is all that logs, emails and viewers of the site see, because the rest may contain
        tokens.
        """
        return host_of(self.url)


class Standing(NamedTuple):
    """The state of all webhooks, for Health."""

    number: int = 0
    disabled: int = 0  # disabled because of their endpoints, not by people
    failing_since_ms: int | None = None  # the earliest among enabled ones
    dropped_ms: int | None = None  # when deliveries were last dropped because too many waited
    dropped_host: str = ""  # of their endpoint


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


COLUMNS = (
    *(Webhook.id, Webhook.url, Webhook.events, Webhook.community_id, Community.name, Webhook.format),
    *(Webhook.description, Webhook.enabled, Webhook.disabled_reason, Webhook.failing_since_ms, Webhook.created_ms),
    *(Webhook.last_status, Webhook.last_ms, User.id, User.name),
)


def add(session: Session, webhook: Webhook) -> None:
    """Add a webhook. `created_by` is only stored if it is the id of a user; it may also be an API key."""
    webhook.created_by = session.scalar(select(User.id).where(User.id == webhook.created_by))
    session.add(webhook)
    session.flush()


def count(session: Session) -> int:
    """Number of webhooks. Locks the count until the commit, so that only one transaction at a time can add
    a webhook.
    """
    lock_limit(session, Webhook)
    return session.scalar(select(func.count()).select_from(Webhook)) or 0


def is_any_enabled(session: Session) -> bool:
    return session.scalar(ANY_ENABLED) is not None


def of_community(community_id: str) -> ColumnElement[bool]:
    return Webhook.community_id == community_id


def endpoints(session: Session, *which: ColumnElement[bool]) -> tuple[Endpoint, ...]:
    """Webhooks in the order they were created."""
    query = select(*COLUMNS).outerjoin(Community, Community.id == Webhook.community_id)
    query = query.outerjoin(User, User.id == Webhook.created_by).where(*which)
    rows = session.execute(query.order_by(Webhook.created_ms, Webhook.id))
    return tuple(
        Endpoint._make([webhook_id, url, tuple(types.split()), *others, Maker(maker_id, maker) if maker_id else None])
        for webhook_id, url, types, *others, maker_id, maker in rows
    )


def find(session: Session, webhook_id: str) -> Endpoint | None:
    webhooks = endpoints(session, Webhook.id == webhook_id)
    return webhooks[0] if webhooks else None


def sealed_url_of(session: Session, webhook_id: str) -> str:
    """A webhook's sealed URL; "" if it is not sealed yet or the webhook does not exist."""
    return sealed_url(session.get(Webhook, webhook_id))


def sealed_url(webhook: Webhook | None) -> str:
    """A webhook's sealed URL; "" if there is none, or if the previous version has replaced the URL since."""
    return (webhook.sealed_url or "") if webhook is not None and CUT in webhook.url else ""


def clear_urls(session: Session) -> list[tuple[str, str]]:
    """The ids and URLs of webhooks whose URL is not sealed."""
    return [(webhook_id, url) for webhook_id, url in session.execute(CLEAR_URLS)]


def seal_url(session: Session, webhook_id: str, url: str, columns: dict[str, Any]) -> None:
    """Store `columns`, unless the URL is no longer `url`."""
    session.execute(update(Webhook).where(Webhook.id == webhook_id, Webhook.url == url).values(**columns))


def change(session: Session, webhook_id: str, **values: Any) -> None:
    session.execute(update(Webhook).where(Webhook.id == webhook_id).values(**values))


def rotate(session: Session, webhook_id: str, secret: str, old_until_ms: int) -> None:
    """Store a sealed secret. The previous one becomes the old one."""
    change(session, webhook_id, secret=secret, old_secret=Webhook.secret, old_until_ms=old_until_ms)


def disable(session: Session, webhook_id: str, reason: str, now_ms: int) -> None:
    """Disable a webhook. From now on, no events are stored for it, and pending deliveries are not sent. Call `give_up`
    until it returns False.
    """
    change(session, webhook_id, enabled=False, disabled_reason=reason)
    give_up(session, webhook_id, now_ms, AT_ONCE)


def give_up(session: Session, webhook_id: str, now_ms: int, size: int) -> bool:
    """Give up `size` pending deliveries of a webhook, unless it is enabled. Returns whether there may be more."""
    if session.scalar(select(Webhook.enabled).where(Webhook.id == webhook_id)):
        return False
    mine = (WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == PENDING)
    some = WebhookDelivery.n.in_(select(WebhookDelivery.n).where(*mine).limit(size))
    given_up = update(WebhookDelivery).where(some).values(state=DEAD, done_ms=now_ms)
    return changed_rows(session, given_up.execution_options(synchronize_session=False)) == size


def remove(session: Session, webhook_id: str) -> bool:
    """Delete a webhook, but not its deliveries (`remove_deliveries`). Of several concurrent callers, exactly one gets
    True.
    """
    removal = delete(Webhook).where(Webhook.id == webhook_id).execution_options(synchronize_session=False)
    return changed_rows(session, removal) == 1


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
    newest = select(Webhook.dropped_ms, Webhook.url).where(Webhook.dropped_ms.is_not(None))
    dropped = session.execute(newest.order_by(Webhook.dropped_ms.desc()).limit(1)).one_or_none()
    return Standing(*numbers, *((dropped.dropped_ms, host_of(dropped.url)) if dropped else ()))


def recipients(session: Session) -> Sequence[Any]:
    """The `email` and `language` of the site's admins with a confirmed email."""
    query = select(User.email, User.language).where(User.is_admin)
    query = query.where(User.verified_ms.is_not(None), User.disabled_ms.is_(None))
    return session.execute(query.order_by(User.id)).all()
