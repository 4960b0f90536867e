"""Encrypts the secrets and URLs of webhooks, and shortens URLs for display (specification: Webhooks)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from koyjabo.core.sealer import Sealer
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.outbound.messages import OutboundError, parse
from koyjabo.webhooks import queries
from koyjabo.webhooks.queries import CUT

SHOWN = 4
"""How many characters of the path and query are shown."""

SEPARATORS = re.compile("[/?&=]")
LEAST_SECRET = 8
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
        if len(part) >= LEAST_SECRET:
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
