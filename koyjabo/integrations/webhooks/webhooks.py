"""Creates, changes and removes webhooks, and resends deliveries (specification: Webhooks)."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidInput, KoyJaboError, LedgerUnavailable, UrlRefused
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account, uuid_of
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Page
from koyjabo.base.database.throttle import Throttle
from koyjabo.base.models import Webhook
from koyjabo.communities import memberships
from koyjabo.integrations.webhooks import delivery_queries, formats, queries, security
from koyjabo.integrations.webhooks.delivery_queries import Delivery
from koyjabo.integrations.webhooks.events import WebhookEvents
from koyjabo.integrations.webhooks.messages import types_for
from koyjabo.integrations.webhooks.queries import DAY_MS, TURNED_OFF, Endpoint
from koyjabo.integrations.webhooks.security import UrlRules, WebhookSealer
from koyjabo.people.audit import log
from koyjabo.people.audit.log import CHANGES, Actor, Subject

logger = logging.getLogger(__name__)

MOST_WEBHOOKS = 50
"""Maximum number of webhooks on a server."""

BOTH_SIGN_MS = DAY_MS
"""How long the previous secret stays in use after a rotation, ms."""

NOT_OF_COMMUNITY = N_("must be at least one type of community event")
UNREADABLE_URL = N_("It cannot be read: enter it again.")

CHANGES |= {
    "webhook.create": N_("Webhook added"),
    "webhook.change": N_("Webhook changed"),
    "webhook.rotate": N_("Webhook secret renewed"),
    "webhook.delete": N_("Webhook deleted"),
}


class UnknownWebhook(KoyJaboError):
    status = 404
    sentence = N_("Webhook not found. It may already have been deleted.")


class UnknownDelivery(KoyJaboError):
    status = 404
    sentence = N_("Delivery not found. Deliveries are kept for 30 days.")


class WebhookDisabled(KoyJaboError):
    status = 409
    sentence = N_("This webhook is turned off. Turn it on first.")


class TooManyWebhooks(KoyJaboError):
    status = 409
    sentence = N_("This server already has 50 webhooks, the maximum. Delete one first.")


class NewWebhook(NamedTuple):
    """A webhook to create. Without a `format`, it gets the default for the URL's host."""

    url: str
    types: Collection[str]
    community_id: str | None = None
    format: str | None = None
    description: str = ""


class Webhooks:
    """Webhooks, managed by admins of the site and by API keys with the same rights.

    All methods raise LedgerUnavailable, and Forbidden for other accounts. Methods with a `webhook_id` raise
    UnknownWebhook.
    """

    def __init__(
        self,
        base: tuple[DatabaseExecutor, Clock, Runtime],
        sealer: WebhookSealer,
        urls: UrlRules,
        events: WebhookEvents,
    ) -> None:
        self._database, self._clock, self._runtime = base
        self._sealer = sealer
        self._urls = urls
        self._events = events

    def create(self, account: Account, new: NewWebhook) -> tuple[Endpoint, str]:
        """Create a webhook. Returns it and its secret. Raises InvalidInput, UrlRefused, UnknownCommunity,
        TooManyWebhooks.
        """
        account.require_site_admin()
        community_id, by = _stored_id(new.community_id), log.actor(account, self._clock)
        self._database.read(_require_community, account, community_id)  # before the URL's host name is looked up
        format = new.format or formats.suggested(new.url)
        types = _checked_types(new.types, community_id)
        self._require_url(new.url, format)
        webhook_id, secret = str(uuid.uuid4()), security.new_secret()
        webhook = Webhook(
            id=webhook_id,
            **self._sealer.url_columns(new.url, webhook_id),
            events=" ".join(types),
            community_id=community_id,
            format=format,
            description=new.description,
            secret=self._sealer.seal_secret(secret, webhook_id),
            enabled=True,
            created_ms=by.at_ms,
            created_by=by.id,
        )
        made = self._database.write(_create, by, account, webhook)
        self._refresh()
        return made, secret

    def list(self, account: Account, community_id: str | None = None) -> tuple[Endpoint, ...]:
        """A community's webhooks, or all webhooks. Raises UnknownCommunity."""
        account.require_site_admin()
        return self._database.read(_list, account, _stored_id(community_id))

    def find(self, account: Account, webhook_id: str) -> Endpoint:
        account.require_site_admin()
        return self._database.read(_find, webhook_id)

    def change(self, account: Account, webhook_id: str, **changes: Any) -> Endpoint:
        """Change url, types, format, description or enabled. If the URL is sent back in the shortened form that is
        shown, it is not changed. Raises InvalidInput, UrlRefused.
        """
        before, by = self.find(account, webhook_id), log.actor(account, self._clock)
        if "types" in changes:
            changes["types"] = _checked_types(changes["types"], before.community_id)
        changes |= self._changed_url(before, changes.pop("url", before.url), changes.get("format", before.format))
        if changes.get("enabled") and not before.enabled:
            Throttle(self._database).repeat(queries.give_up, before.id, by.at_ms)  # deliveries left by an interruption
        changed = self._database.write(_change, by, webhook_id, changes)
        if not changed.enabled:
            self._repeat_in_task(queries.give_up, changed.id, by.at_ms)
        self._refresh()
        return changed

    def rotate(self, account: Account, webhook_id: str) -> str:
        """Replace the secret, and return the new one. The old one stays in use for BOTH_SIGN_MS."""
        account.require_site_admin()
        secret, by = security.new_secret(), log.actor(account, self._clock)
        webhook_id = uuid_of(webhook_id) or ""
        self._database.write(_rotate, by, webhook_id, self._sealer.seal_secret(secret, webhook_id))
        return secret

    def remove(self, account: Account, webhook_id: str) -> Endpoint:
        """Remove a webhook. Its deliveries are no longer shown; a task deletes them."""
        account.require_site_admin()
        removed = self._database.write(_remove, log.actor(account, self._clock), webhook_id)
        self._repeat_in_task(queries.remove_deliveries, removed.id)
        self._refresh()
        return removed

    def deliveries(
        self, account: Account, webhook_id: str, state: str | None, start: int, count: int
    ) -> Page[Delivery]:
        """A page of `count` deliveries from the offset `start`, newest first: all deliveries, or only the ones in a
        given state.
        """
        account.require_site_admin()
        return self._database.report(_deliveries, webhook_id, state, start, count)

    def test(self, account: Account, webhook_id: str) -> None:
        """Send an event of type `test` at once. Raises WebhookDisabled."""
        account.require_site_admin()
        self._database.write(_test, webhook_id, self._clock.now_ms())

    def resend(self, account: Account, webhook_id: str, n: int) -> None:
        """Send a delivery again, at once and with the same id. Raises UnknownDelivery, WebhookDisabled."""
        account.require_site_admin()
        self._database.write(_resend, webhook_id, n, self._clock.now_ms())

    def _require_url(self, url: str, format: str) -> None:
        problem = self._urls.problem(url) or formats.problem(url, format)
        if problem is not None:
            raise UrlRefused(details={"url": problem})

    def _changed_url(self, before: Endpoint, url: str, format: str) -> dict[str, Any]:
        """The columns for a new URL. Raises UrlRefused if the URL cannot be called or does not fit the format."""
        if url == before.url and format == before.format:
            return {}
        sealed = self._database.read(queries.sealed_url_of, before.id)
        known = self._sealer.open_url(sealed, before.id) if sealed else None
        new_url = known if url == before.url else url
        if new_url is None:
            raise UrlRefused(details={"url": UNREADABLE_URL})
        self._require_url(new_url, format)
        return {} if new_url == known else self._sealer.url_columns(new_url, before.id)

    def _repeat_in_task(self, operation: Callable[..., object], *args: Any) -> None:
        """Change deliveries in a task, in small transactions, because there may be a million. An interruption does no
        harm: pending deliveries of a disabled webhook are given up before it is enabled again, and deliveries of a
        removed webhook are deleted at night.
        """

        def task() -> None:
            try:
                Throttle(self._database).repeat(operation, *args)
            except LedgerUnavailable as error:
                logger.warning("webhook_deliveries_interrupted cause=%r", str(error.__cause__ or error))

        self._runtime.start_task(task)

    def _refresh(self) -> None:
        with suppress(LedgerUnavailable):  # the next call, a second later, does it
            self._events.refresh()


def _stored_id(community_id: str | None) -> str | None:
    return None if community_id is None else uuid_of(community_id) or community_id


def _checked_types(types: Collection[str], community_id: str | None) -> list[str]:
    if not types or not set(types) <= set(types_for(community_id)):
        raise InvalidInput(details={"events": NOT_OF_COMMUNITY})
    return sorted(set(types))


# Operations for the database executor


def _find(session: Any, webhook_id: str) -> Endpoint:
    webhook = queries.find(session, uuid_of(webhook_id) or "")
    if webhook is None:
        raise UnknownWebhook
    return webhook


def _enabled(session: Any, webhook_id: str) -> Endpoint:
    webhook = _find(session, webhook_id)
    if not webhook.enabled:
        raise WebhookDisabled
    return webhook


def _require_community(session: Any, account: Account, community_id: str | None) -> None:
    if community_id is not None:
        memberships.visible(session, account, community_id)


def _list(session: Any, account: Account, community_id: str | None) -> tuple[Endpoint, ...]:
    _require_community(session, account, community_id)
    which = () if community_id is None else (queries.of_community(community_id),)
    return queries.endpoints(session, *which)


def _create(session: Any, by: Actor, account: Account, webhook: Webhook) -> Endpoint:
    _require_community(session, account, webhook.community_id)
    if queries.count(session) >= MOST_WEBHOOKS:
        raise TooManyWebhooks
    queries.add(session, webhook)
    made = _find(session, webhook.id)
    by.entry("webhook.create", _subject(made), events=list(made.types)).store(session)
    return made


def _change(session: Any, by: Actor, webhook_id: str, changes: dict[str, Any]) -> Endpoint:
    before = _find(session, webhook_id)
    values: dict[str, Any] = {name: changes[name] for name in STORED if name in changes}
    if "types" in changes:
        values["events"] = " ".join(changes["types"])
    if values:
        queries.change(session, before.id, **values)
    enabled = changes.get("enabled")
    if enabled:
        queries.change(session, before.id, enabled=True, disabled_reason=None, failing_since_ms=None)
    elif enabled is False and before.enabled:
        queries.disable(session, before.id, TURNED_OFF, by.at_ms)
    after = _find(session, webhook_id)
    changed = ["url"] if "sealed_url" in changes else []
    changed += [name for name in CHANGED if getattr(before, name) != getattr(after, name)]
    if changed:
        by.entry("webhook.change", _subject(after), changed=changed, enabled=after.enabled).store(session)
    return after


STORED, CHANGED = ("url", "sealed_url", "format", "description"), ("types", "format", "description", "enabled")
"""Columns that are stored as they are given, and fields that the audit log compares. The log calls a new URL `url`."""


def _rotate(session: Any, by: Actor, webhook_id: str, sealed: str) -> None:
    webhook = _find(session, webhook_id)
    queries.rotate(session, webhook.id, sealed, by.at_ms + BOTH_SIGN_MS)
    by.entry("webhook.rotate", _subject(webhook)).store(session)


def _remove(session: Any, by: Actor, webhook_id: str) -> Endpoint:
    webhook = _find(session, webhook_id)
    if not queries.remove(session, webhook.id):
        raise UnknownWebhook
    by.entry("webhook.delete", _subject(webhook)).store(session)
    return webhook


def _deliveries(session: Any, webhook_id: str, state: str | None, start: int, count: int) -> Page[Delivery]:
    return delivery_queries.page(session, _find(session, webhook_id).id, state, start, count)


def _test(session: Any, webhook_id: str, now_ms: int) -> None:
    webhook = _enabled(session, webhook_id)
    delivery_queries.send_test(session, webhook.id, now_ms, {"webhook": webhook.id, "description": webhook.description})


def _resend(session: Any, webhook_id: str, n: int, now_ms: int) -> None:
    if not delivery_queries.resend(session, _enabled(session, webhook_id).id, n, now_ms):
        raise UnknownDelivery


def _subject(webhook: Endpoint) -> Subject:
    return Subject("webhook", webhook.id, webhook.host)
