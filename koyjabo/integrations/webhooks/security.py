"""Protects webhooks (specification: Webhooks): which URLs may be called, how secrets and URLs are encrypted and
shortened for display, and how deliveries are signed (Standard Webhooks 1.0.0, https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.sealer import Sealer
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.outbound.client import HttpClient
from koyjabo.base.outbound.messages import Destinations, OutboundError, OutboundResponse, Request, parse
from koyjabo.integrations.webhooks import queries
from koyjabo.integrations.webhooks.queries import CUT

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
        return self._client.check(url, self._allowed)

    def post(self, url: str, headers: dict[str, str], body: bytes) -> OutboundResponse:
        """Send a request. Raises OutboundError, also for a refused address."""
        request = Request(
            *("POST", url, headers, body, ATTEMPT_S, MAX_BYTES),
            only_status=True,
            destinations=self._allowed,
        )
        return self._client.fetch(request)
