"""Rules for the URLs of webhooks."""

from __future__ import annotations

from koyjabo.core.i18n import N_
from koyjabo.outbound.client import HttpClient
from koyjabo.outbound.messages import Destinations, OutboundResponse, Request

ATTEMPT_S = 10.0
"""Time limit for an attempt, s."""

MOST_BYTES = 2048
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
        return self._problem_of_scheme(url) or self._client.check(url, self._allowed)

    def post(self, url: str, headers: dict[str, str], body: bytes) -> OutboundResponse:
        """Send a request. Raises OutboundError, also for a refused address."""
        request = Request(
            *("POST", url, headers, body, ATTEMPT_S, MOST_BYTES),
            truncate=True,
            destinations=self._allowed,
        )
        return self._client.fetch(request)

    def _problem_of_scheme(self, url: str) -> str | None:
        return None if self._is_development or url.lower().startswith("https://") else ONLY_HTTPS
