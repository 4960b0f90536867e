"""Creates, changes and removes webhooks, and resends deliveries (specification: Webhooks)."""

import logging
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidInput, KoyJaboError, LedgerUnavailable, UrlRefused
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.database.executor import DatabaseExecutor, Throttle
from koyjabo.base.database.rows import Page
from koyjabo.base.models import Webhook, WebhookDelivery
from koyjabo.communities import memberships
from koyjabo.people.accounts.queries import add_made_by
from koyjabo.people.audit.log import CHANGES, Changes, Subject, Transaction, transaction
from . import delivery_queries, messages, queries, sender
from .events import WebhookEvents
from .messages import types_for
from .queries import DAY_MS, TURNED_OFF
from .sender import UrlRules, WebhookSealer

logger = logging.getLogger(__name__)

MAX_WEBHOOKS = 50
"""Maximum number of webhooks on a server."""

BOTH_SIGN_MS = DAY_MS
"""How long the previous secret stays in use after a rotation, ms."""

LOGGED = {"events": "types", "format": "format", "description": "description", "enabled": "enabled"}
"""Changed columns, and their names in the audit log, which calls a new URL `url`."""

NOT_OF_COMMUNITY = N_("must be at least one type of community event")
UNREADABLE_URL = N_("It cannot be read: enter it again.")

CHANGES |= {
    "webhook.create": N_("Webhook added"),
    "webhook.change": N_("Webhook changed"),
    "webhook.rotate": N_("Webhook secret renewed"),
    "webhook.delete": N_("Webhook deleted"),
}


class UnknownDelivery(KoyJaboError):
    status = 404
    sentence = N_("Delivery not found. Deliveries are kept for 30 days.")


class WebhookDisabled(KoyJaboError):
    status = 409
    sentence = N_("This webhook is turned off. Turn it on first.")


class TooManyWebhooks(KoyJaboError):
    status = 409
    sentence = N_("This server already has 50 webhooks, the maximum. Delete one first.")


class Webhooks(Changes):
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
        database, clock, self._runtime = base
        super().__init__(database, clock)
        self._sealer = sealer
        self._urls = urls
        self._events = events

    def create(
        self,
        account: Account,
        url: str,
        events: Collection[str],
        community_id: str | None = None,
        format: str | None = None,
        description: str = "",
    ) -> tuple[Webhook, str]:
        """Create a webhook. Without a `format`, it gets the default for the URL's host. Returns it and its secret.
        Raises InvalidInput, UrlRefused, UnknownCommunity, TooManyWebhooks.
        """
        account.require_site_admin()
        # Before the host name is looked up.
        community_id = self._database.read(memberships.visible_id, account, community_id)
        format = format or messages.suggested(url)
        types = _checked_events(events, community_id)
        self._require_url(url, format)
        webhook_id, secret = str(uuid.uuid4()), sender.new_secret()
        webhook = Webhook(
            id=webhook_id,
            **self._sealer.url_columns(url, webhook_id),
            events=types,
            community_id=community_id,
            format=format,
            description=description,
            secret=self._sealer.seal_secret(secret, webhook_id),
            enabled=True,
        )
        webhook = self._add(account, webhook)
        self._refresh()
        return webhook, secret

    @transaction
    def _add(self, tx: Transaction, account: Account, webhook: Webhook) -> Webhook:
        memberships.visible_id(tx.session, account, webhook.community_id)
        if queries.count(tx.session) >= MAX_WEBHOOKS:
            raise TooManyWebhooks
        webhook.created_ms, webhook.created_by = tx.at_ms, tx.by.id
        add_made_by(tx.session, webhook)
        tx.log("webhook.create", _subject(webhook), events=webhook.events.split())
        return queries.find(tx.session, webhook.id)

    def all(self, account: Account, community_id: str | None = None) -> list[Webhook]:
        """A community's webhooks, or all webhooks. Raises UnknownCommunity."""
        account.require_site_admin()

        def read(session: Any) -> list[Webhook]:
            of_community = memberships.visible_id(session, account, community_id)
            which = () if of_community is None else (Webhook.community_id == of_community,)
            return queries.everything(session, *which)

        return self._database.read(read)

    def find(self, account: Account, webhook_id: str) -> Webhook:
        account.require_site_admin()
        return self._database.read(queries.find, webhook_id)

    def change(self, account: Account, webhook_id: str, **changes: Any) -> Webhook:
        """Change url, events, format, description or enabled. If the URL is sent back in the shortened form that is
        shown, it is not changed. Raises InvalidInput, UrlRefused.
        """
        before, now_ms = self.find(account, webhook_id), self._clock.now_ms()
        if "events" in changes:
            changes["events"] = _checked_events(changes["events"], before.community_id)
        changes |= self._changed_url(before, changes.pop("url", before.url), changes.get("format", before.format))
        if changes.get("enabled") and not before.enabled:
            Throttle(self._database).repeat(queries.give_up, before.id, now_ms)  # deliveries left by an interruption
        webhook = self._change(account, webhook_id, changes.pop("enabled", None), changes)
        if not webhook.enabled:
            self._repeat_in_task(queries.give_up, webhook.id, now_ms)
        self._refresh()
        return webhook

    @transaction
    def _change(
        self, tx: Transaction, account: Account, webhook_id: str, enabled: bool | None, columns: dict[str, Any]
    ) -> Webhook:
        webhook = queries.find(tx.session, webhook_id, lock=True)
        old = {name: getattr(webhook, name) for name in LOGGED}
        for name, value in columns.items():
            setattr(webhook, name, value)
        if enabled:
            webhook.enabled, webhook.disabled_reason, webhook.failing_since_ms = True, None, None
        elif enabled is False and webhook.enabled:
            queries.disable(tx.session, webhook, TURNED_OFF, tx.at_ms)
        changed = ["url"] if "sealed_url" in columns else []
        changed += [label for name, label in LOGGED.items() if getattr(webhook, name) != old[name]]
        if changed:
            tx.log("webhook.change", _subject(webhook), changed=changed, enabled=webhook.enabled)
        return webhook

    @transaction
    def rotate(self, tx: Transaction, account: Account, webhook_id: str) -> tuple[Webhook, str]:
        """Replace the secret. Returns the webhook and the new secret. The old one stays in use for BOTH_SIGN_MS."""
        account.require_site_admin()
        secret, webhook = sender.new_secret(), queries.find(tx.session, webhook_id, lock=True)
        webhook.old_secret, webhook.old_until_ms = webhook.secret, tx.at_ms + BOTH_SIGN_MS
        webhook.secret = self._sealer.seal_secret(secret, webhook.id)
        tx.log("webhook.rotate", _subject(webhook))
        return webhook, secret

    def remove(self, account: Account, webhook_id: str) -> Webhook:
        """Remove a webhook. Its deliveries are no longer shown; a task deletes them."""
        webhook = self._remove(account, webhook_id)
        self._repeat_in_task(queries.remove_deliveries, webhook.id)
        self._refresh()
        return webhook

    @transaction
    def _remove(self, tx: Transaction, account: Account, webhook_id: str) -> Webhook:
        account.require_site_admin()
        webhook = queries.find(tx.session, webhook_id, lock=True)
        tx.session.delete(webhook)
        tx.log("webhook.delete", _subject(webhook))
        return webhook

    def deliveries(
        self, account: Account, webhook_id: str, state: str | None, start: int, count: int
    ) -> Page[WebhookDelivery]:
        """A page of `count` deliveries from the offset `start`, newest first: all deliveries, or only the ones in a
        given state.
        """
        account.require_site_admin()

        def read(session: Any) -> Page[WebhookDelivery]:
            return delivery_queries.page(session, queries.find(session, webhook_id).id, state, start, count)

        return self._database.report(read)

    @transaction
    def test(self, tx: Transaction, account: Account, webhook_id: str) -> None:
        """Send an event of type `test` at once. Raises WebhookDisabled."""
        webhook = _enabled(tx.session, account, webhook_id)
        data = {"webhook": webhook.id, "description": webhook.description}
        delivery_queries.send_test(tx.session, webhook.id, tx.at_ms, data)

    @transaction
    def resend(self, tx: Transaction, account: Account, webhook_id: str, n: int) -> None:
        """Send a delivery again, at once and with the same id. Raises UnknownDelivery, WebhookDisabled."""
        webhook = _enabled(tx.session, account, webhook_id)
        if not delivery_queries.resend(tx.session, webhook.id, n, tx.at_ms):
            raise UnknownDelivery

    def _require_url(self, url: str, format: str) -> None:
        problem = self._urls.problem(url) or messages.problem(url, format)
        if problem is not None:
            raise UrlRefused(details={"url": problem})

    def _changed_url(self, before: Webhook, url: str, format: str) -> dict[str, Any]:
        """The columns for a new URL. Raises UrlRefused if the URL cannot be called or does not fit the format."""
        if url == before.url and format == before.format:
            return {}
        sealed = queries.sealed_url(before)
        old_url = self._sealer.open_url(sealed, before.id) if sealed else None
        new_url = old_url if url == before.url else url
        if new_url is None:
            raise UrlRefused(details={"url": UNREADABLE_URL})
        self._require_url(new_url, format)
        return {} if new_url == old_url else self._sealer.url_columns(new_url, before.id)

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


def _checked_events(types: Collection[str], community_id: str | None) -> str:
    """The types of events as they are stored."""
    if not types or not set(types) <= set(types_for(community_id)):
        raise InvalidInput(details={"events": NOT_OF_COMMUNITY})
    return " ".join(sorted(set(types)))


def _enabled(session: Any, account: Account, webhook_id: str) -> Webhook:
    account.require_site_admin()
    webhook = queries.find(session, webhook_id)
    if not webhook.enabled:
        raise WebhookDisabled
    return webhook


def _subject(webhook: Webhook) -> Subject:
    return Subject("webhook", webhook.id, webhook.host)
