"""Sends due deliveries, each at least once. Only one worker of all servers sends, with one attempt at a time per
endpoint, so a slow endpoint only delays itself.

Protects webhooks (specification: Webhooks): which URLs may be called, how secrets and URLs are encrypted and
shortened for display, and how deliveries are signed (Standard Webhooks 1.0.0, https://www.standardwebhooks.com).
"""

import base64
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.core.sealer import Sealer
from koyjabo.base.database.executor import DatabaseExecutor, Throttle
from koyjabo.base.jobs.claims import LeasedTasks
from koyjabo.base.models import Webhook, WebhookDelivery, WebhookEvent
from koyjabo.base.observability.metrics import Metrics
from koyjabo.base.outbound.client import KINDS, HttpClient
from koyjabo.base.outbound.messages import Destinations, OutboundError, OutboundResponse, Request, parse
from koyjabo.base.settings.schema import Settings
from koyjabo.people.mail.outbox import MailOutbox
from . import delivery_queries, messages, queries
from .delivery_queries import LEASE, DeliveryAttempt, Marked
from .messages import Occurrence
from .queries import CUT

SHOWN = 4
"""How many characters of the path and query are shown."""

SEPARATORS = re.compile("[/?&=]")
MIN_SECRET = 8
"""Minimum length of a part of a URL that may be a credential."""


def shortened(url: str) -> str:
    """A URL's scheme, host and last characters: `https://hooks.slack.com/…CRET`."""
    try:
        target = parse(url)
    except OutboundError:  # a row was changed by hand
        return CUT
    return f"{target.scheme}://{target.authority}/{CUT}{target.path[1:][-SHOWN:]}"


def without_url(response: str, url: str) -> str:
    """Remove parts of the endpoint's URL from its response, because some endpoints repeat the path in an error."""
    parts = {part for segment in SEPARATORS.split(parse(url).path) for part in (segment, unquote(segment))}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= MIN_SECRET:
            response = response.replace(part, CUT)
    return response


class WebhookSealer:
    """Seals secrets and URLs. If a text was sealed with another SECRET_KEY or for another webhook, opening it returns
    None.
    """

    def __init__(self, database: DatabaseExecutor, secret_key: str) -> None:
        self._database = database
        self._secrets = Sealer(secret_key, b"koyjabo webhook secret")
        self._urls = Sealer(secret_key, b"koyjabo webhook url")

    def seal_secret(self, secret: str, webhook_id: str) -> str:
        return self._secrets.seal(secret, webhook_id)

    def open_secret(self, sealed: str, webhook_id: str) -> str | None:
        return self._secrets.open(sealed, webhook_id)

    def url_columns(self, url: str, webhook_id: str) -> dict[str, Any]:
        return {"url": shortened(url), "sealed_url": self._urls.seal(url, webhook_id)}

    def open_url(self, sealed: str, webhook_id: str) -> str | None:
        return self._urls.open(sealed, webhook_id)

    def seal_urls(self) -> None:
        """Seal URLs that an earlier version stored in plain text, or that came from its backup. Raises
        LedgerUnavailable.
        """
        for webhook_id, url in self._database.read(queries.clear_urls):
            self._database.write(queries.seal_url, webhook_id, url, self.url_columns(url, webhook_id))


SECRET_PREFIX = "whsec_"
SECRET_SIZE = 32
"""Size of a secret, bytes. The standard allows 24 to 64."""


def new_secret() -> str:
    """A new secret as receivers get it: `whsec_` and random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_SIZE)).decode()


def signature_headers(signed_by: Sequence[str], webhook_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers of an attempt at `at_s` (s since 1970 UTC), with a signature for each secret."""
    content = f"{webhook_id}.{at_s}.".encode() + body
    signatures = []
    for secret in signed_by:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
        signatures.append(f"v1,{base64.b64encode(hmac.digest(key, content, 'sha256')).decode()}")
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(signatures),
    }


ATTEMPT_S = 10.0
"""Time limit for an attempt, s."""

MAX_BYTES = 2048
"""Maximum size of a response, bytes. Its first characters are shown."""

ONLY_HTTPS = N_("it should begin with https://")
LOOPBACK = N_("This address is on this computer. Events go only to public addresses, or to those in WEBHOOK_ALLOW.")
NOT_PUBLIC = N_("This address is not public. Events go only to public addresses, or to those in WEBHOOK_ALLOW.")


class UrlRules:
    """Rules for URLs. `allowed` are the networks of WEBHOOK_ALLOW. In production, `https` is required."""

    def __init__(self, client: HttpClient, allowed: Destinations, is_development: bool) -> None:
        self._client = client
        self._allowed = allowed
        self._is_development = is_development

    def problem(self, url: str) -> str | None:
        """Why this URL is refused; None if it can be used, or if its name has no address at the moment."""
        if not self._is_development and not url.lower().startswith("https://"):
            return ONLY_HTTPS
        why = self._client.check(url, self._allowed)
        if why and why.endswith(" is loopback"):
            return LOOPBACK
        return NOT_PUBLIC if why and why.endswith(tuple(f" is {kind}" for kind in KINDS)) else why

    def post(self, url: str, headers: dict[str, str], body: bytes) -> OutboundResponse:
        """Send a request. Raises OutboundError, also for a refused address."""
        request = Request(
            "POST",
            url,
            headers,
            body,
            timeout_s=ATTEMPT_S,
            most_bytes=MAX_BYTES,
            only_status=True,
            destinations=self._allowed,
        )
        return self._client.fetch(request)


log = logging.getLogger(__name__)

POLL_S = 1.0
"""Seconds between calls to `tick`."""

UNMARKED, UNMARKED_MS = 10, 500
"""Number of attempts that are stored together, and how long the first of them may wait, ms. If a worker is killed, up
to this many attempts are repeated.
"""

REST_S = 0.005
"""Pause after each attempt, s, so that ten thousand deliveries to a fast endpoint leave time for visits."""

RESPONSE_LENGTH = 300
"""Maximum number of characters kept from a response."""

MAIL = "webhook"
"""Kind of the email about a disabled webhook."""

UNREADABLE, UNREADABLE_URL = "secret", "url"
"""Status if the secret or the URL was sealed with another SECRET_KEY."""

UNWRITABLE = "error"
"""Status if an event cannot be written in the webhook's format."""


class Sender:
    """Sends deliveries. Call `tick` every POLL_S."""

    def __init__(
        self,
        base: tuple[DatabaseExecutor, Clock, Runtime],
        urls: UrlRules,
        sealer: WebhookSealer,
        mails: MailOutbox,
        metrics: Metrics,
        settings: Settings,
    ) -> None:
        self._database, self._clock, _ = base
        self._urls = urls
        self._sealer = sealer
        self._mails = mails
        self._metrics = metrics
        self._throttle = Throttle(self._database)
        self._settings = settings
        self._tasks = LeasedTasks(*base, LEASE, "webhooks_interrupted", "webhook_work_failed")
        self._is_closed = False

    def tick(self) -> None:
        """Create deliveries for new events, and start sending due ones, with one task per endpoint."""
        with suppress(LedgerUnavailable):  # the next tick tries again
            result = self._database.read(delivery_queries.poll, self._tasks.worker, self._clock.now_ms())
            if result.has_clear_urls:
                self._sealer.seal_urls()
            if result.is_free and not self._is_closed:
                self._drop_oldest(result.over)
                self._start(result.due)
                if result.has_new:
                    self._dispatch()

    def close(self) -> None:
        """Let another worker send at once. Does not wait for attempts."""
        self._is_closed = True
        self._tasks.release()

    def _dispatch(self) -> None:
        has_more = True
        while has_more and not self._is_closed:
            dispatch = (delivery_queries.dispatch, self._tasks.holder(), self._clock.now_ms())
            got, has_more = self._throttle.do(*dispatch)
            self._drop_oldest(self._database.read(delivery_queries.over_limit, got) if got else ())
            self._start(got)

    def _drop_oldest(self, webhook_ids: Iterable[str]) -> None:
        for webhook_id in webhook_ids:
            newest = self._database.read(delivery_queries.newest_over, webhook_id)
            throttle, number, has_more = Throttle(self._database), 0, newest is not None
            while has_more:
                drop = (delivery_queries.drop_oldest, webhook_id, newest, self._clock.now_ms())
                dropped, has_more = throttle.do(*drop)
                number += dropped
            if number:  # no other worker has dropped them
                self._metrics.webhook_dropped(number)
                log.warning("webhook_deliveries_dropped webhook=%s number=%d", webhook_id, number)

    def _start(self, webhook_ids: Iterable[str]) -> None:
        for webhook_id in webhook_ids:
            self._tasks.start(webhook_id, partial(self._send_all, webhook_id))

    def _send_all(self, webhook_id: str) -> None:
        """Send all due deliveries to one endpoint. Raises LedgerUnavailable."""
        while not self._is_closed:
            now_ms = self._clock.now_ms()
            taken = self._database.write(delivery_queries.take, self._tasks.holder(), webhook_id, now_ms)
            if taken is None or not queries.sealed_url(taken[0]) or not self._send(*taken):
                return

    def _send(self, webhook: Webhook, due: list[tuple[WebhookDelivery, WebhookEvent]]) -> bool:
        """Send due deliveries. Returns whether to continue: only with the lease, and while the webhook is enabled. The
        webhook's URL may have changed.
        """
        attempts: list[DeliveryAttempt] = []
        for delivery, event in due:
            attempts.append(self._attempt(webhook, delivery, event))
            time.sleep(REST_S)
            unmarked_ms, is_last = self._clock.now_ms() - attempts[0].at_ms, delivery is due[-1][0]
            if len(attempts) >= UNMARKED or unmarked_ms >= UNMARKED_MS or is_last:
                sealed_url = self._mark(webhook.id, attempts).sealed_url
                if sealed_url != queries.sealed_url(webhook) or self._is_closed:
                    return sealed_url is not None
                attempts = []
        return True

    def _mark(self, webhook_id: str, attempts: list[DeliveryAttempt]) -> Marked:
        now_ms = self._clock.now_ms()
        mark = (delivery_queries.mark, self._tasks.holder(), webhook_id, attempts, now_ms)
        marked: Marked = self._database.write(*mark, self._mail_admins)
        for attempt in attempts:
            self._metrics.webhook_attempt("delivered" if attempt.is_delivered else "failed")
        for _ in range(marked.died):
            self._metrics.webhook_attempt("dead")
        if marked.disabled:
            log.warning("webhook_disabled reason=%s host=%s", marked.disabled.disabled_reason, marked.disabled.host)
            Throttle(self._database).repeat(queries.give_up, webhook_id, now_ms)
        return marked

    def _mail_admins(self, session: Any, webhook: Webhook) -> None:
        """Email the site's admins that a webhook was disabled. The email names only the host, because the URL may
        contain tokens.
        """
        data: dict[str, Any] = {"host": webhook.host, "path": "/admin/connect"}
        for admin in queries.recipients(session):
            data["community"] = webhook.community and webhook.community.name_in(admin.language)
            to = (MAIL, admin.email, admin.language)
            queued_email = self._mails.email(*to, reason=webhook.disabled_reason, **data)
            if queued_email is not None:
                queued_email.store(session)

    def _attempt(self, webhook: Webhook, delivery: WebhookDelivery, event: WebhookEvent) -> DeliveryAttempt:
        at_ms, began_ms = self._clock.now_ms(), self._clock.elapsed_ms()

        def ended(
            status: str, response: str = "", is_delivered: bool = False, retry_after_ms: int = 0
        ) -> DeliveryAttempt:
            took_ms = self._clock.elapsed_ms() - began_ms
            return DeliveryAttempt(delivery.n, at_ms, status, took_ms, response, is_delivered, retry_after_ms)

        keys, url = self._keys(webhook, at_ms), self._sealer.open_url(queries.sealed_url(webhook), webhook.id)
        if url is None:
            return ended(UNREADABLE_URL)
        if not keys:
            return ended(UNREADABLE)
        try:
            community = event.community.name if event.community else None
            occurrence = Occurrence(event.type, event.at_ms, event.scope, community, json.loads(event.data))
            written = messages.write(webhook.format, url, occurrence, self._settings.public_url)
            signed = signature_headers(keys, event.id, at_ms // 1000, written.body)
            response = self._urls.post(url, {**written.headers, **signed}, written.body)
        except OutboundError as error:
            return ended(str(error.kind), error.reason[:RESPONSE_LENGTH])
        except Exception:  # such as an event from a newer version; later events must still be sent
            log.exception("webhook_attempt_failed type=%s", event.type)
            return ended(UNWRITABLE)
        text = without_url(response.body.decode("utf-8", "replace").replace("\0", ""), url)[:RESPONSE_LENGTH]
        is_delivered = 200 <= response.status < 300
        return ended(str(response.status), text, is_delivered, retry_after_ms(response.headers, at_ms))

    def _keys(self, webhook: Webhook, now_ms: int) -> list[str]:
        """The secrets to sign with; none if the newest one cannot be read."""
        newest = self._sealer.open_secret(webhook.secret, webhook.id)
        if newest is None:
            return []
        old = None
        if webhook.old_secret is not None and now_ms < (webhook.old_until_ms or 0):
            old = self._sealer.open_secret(webhook.old_secret, webhook.id)
        return [newest] if old is None else [newest, old]


def retry_after_ms(headers: dict[str, str], now_ms: int) -> int:
    """How long the response asks to wait, ms (RFC 9110, 10.2.3: seconds or a date); 0 if it does not."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return int(value[:9]) * 1000
    try:
        at: Any = parsedate_to_datetime(value)
        return max(0, int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000) - now_ms)
    except (ValueError, TypeError, OverflowError):
        return 0
