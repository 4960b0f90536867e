"""Requests to an OpenID provider: read its endpoints (OpenID Connect Discovery 1.0) and keys, and exchange a code for
its user.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

from koyjabo.accounts.errors import ProviderLoginRefused, ProviderUnavailable
from koyjabo.accounts.oidc import authorization, id_tokens
from koyjabo.accounts.oidc.authorization import Authorization
from koyjabo.accounts.oidc.id_tokens import InvalidIdToken, ProviderUser
from koyjabo.core.clock import Clock
from koyjabo.core.errors import KeysUnavailable
from koyjabo.core.runtime import Runtime
from koyjabo.jwks import key_set
from koyjabo.jwks.key_set import InvalidKeySet, KeySet
from koyjabo.jwks.published_keys import PublishedKeys
from koyjabo.outbound.client import HttpClient
from koyjabo.outbound.messages import ANYWHERE, PUBLIC, OutboundError, OutboundResponse, Request
from koyjabo.settings.login_providers import LoginProvider, is_secure

log = logging.getLogger(__name__)

DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_S, MOST_BYTES = 10.0, 64 * 1024
KEPT_MS, AGAIN_MS = 3_600_000, 30_000
"""How long endpoints are cached, and how long to wait after a failed request, ms. While a new request is due or fails,
the last known endpoints are used.
"""

JSON = "application/json"
BEARER = re.compile(r"[A-Za-z0-9\-._~+/]{1,8000}=*", re.ASCII)
"""A token as allowed in a header (RFC 6750, 2.1)."""

ERROR = re.compile(r"[a-z_]{1,40}", re.ASCII)


class Metadata(NamedTuple):
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    takes_basic: bool
    """Whether the client's secret is sent in the header; otherwise in the body."""

    tells_issuer: bool
    """Whether responses that reach us through the browser name the issuer (RFC 9207)."""

    userinfo_endpoint: str
    """URL of the userinfo endpoint; "" if the provider has none, or only an unsafe one."""


class Provider:
    """One provider. Its metadata and keys are cached in this worker. All methods raise ProviderUnavailable."""

    def __init__(self, settings: LoginProvider, http: HttpClient, runtime: Runtime, clock: Clock) -> None:
        self.settings = settings
        self._http = http
        self._clock = clock
        self._metadata: tuple[Metadata, int] | None = None  # with the time of the next request, ms
        self._keys = PublishedKeys(self._read_keys, runtime, clock)

    def require_available(self) -> None:
        self._known()

    def url(self, browser: Authorization, redirect_uri: str) -> str:
        """The URL at the provider where the browser gets a code."""
        return authorization.url(self._known().authorization_endpoint, self.settings, browser, redirect_uri)

    def require_issuer(self, issuer: str | None) -> None:
        """Check that a response received through the browser is from this provider (RFC 9700, 4.4). Raises
        ProviderLoginRefused.
        """
        if issuer != self.settings.issuer and (issuer is not None or self._known().tells_issuer):
            raise self._refused("issuer_of_answer")

    def redeem(self, code: str, browser: Authorization, redirect_uri: str) -> ProviderUser:
        """Exchange the code for the user who has logged in. Raises ProviderLoginRefused."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": browser.verifier,
        }
        response = self._ask_for_token(fields)
        body = _object(response.body)
        if response.status != 200:
            error = str(body.get("error", ""))
            raise self._refused(f"token_{response.status}_{error if ERROR.fullmatch(error) else ''}")
        token = body.get("id_token")
        if not isinstance(token, str):
            raise self._refused("no_id_token")
        try:
            user = id_tokens.read(token, self.settings, browser.nonce, self._keys.find_or_read)
        except KeysUnavailable:
            raise ProviderUnavailable from None
        except InvalidIdToken as error:
            raise self._refused(f"id_token_{error}") from None
        return user if user.email else self._completed(user, str(body.get("access_token", "")))

    def _completed(self, user: ProviderUser, access_token: str) -> ProviderUser:
        """The user, with additional claims from the userinfo endpoint, because some providers return them only there
        (OpenID Connect Core 1.0, 5.3 and 5.4). Claims in the ID token have priority, because it is signed.
        """
        endpoint = self._known().userinfo_endpoint
        if not endpoint or not BEARER.fullmatch(access_token):
            return user
        try:
            response = self._fetch("GET", endpoint, {"Accept": JSON, "Authorization": f"Bearer {access_token}"})
        except ProviderUnavailable:
            return user
        claims = _object(response.body) if response.status == 200 else {}
        return user._replace(claims={**claims, **user.claims}) if claims.get("sub") == user.subject else user

    def _ask_for_token(self, fields: dict[str, str]) -> OutboundResponse:
        settings, metadata = self.settings, self._known()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": JSON}
        if metadata.takes_basic:  # RFC 6749, 2.3.1
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
        return self._fetch("POST", metadata.token_endpoint, headers, urlencode(fields).encode())

    def _known(self) -> Metadata:
        now_ms = self._clock.now_ms()
        if self._metadata is None or self._metadata[1] <= now_ms:
            try:
                self._metadata = self._discovered(), now_ms + KEPT_MS
            except ProviderUnavailable:
                if self._metadata is None:
                    raise
                self._metadata = self._metadata[0], now_ms + AGAIN_MS
        return self._metadata[0]

    def _discovered(self) -> Metadata:
        response = self._fetch("GET", self.settings.issuer.rstrip("/") + DISCOVERY, {"Accept": JSON})
        document = _object(response.body)
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        authorize, token, keys = addresses = [str(document.get(name, "")) for name in names]
        if response.status != 200 or document.get("issuer") != self.settings.issuer:
            raise self._unavailable("discovery")
        if not all(map(is_secure, addresses)):
            raise self._unavailable("insecure_address")
        methods = document.get("token_endpoint_auth_methods_supported")
        takes_basic = not isinstance(methods, list) or "client_secret_basic" in methods
        tells_issuer = document.get("authorization_response_iss_parameter_supported") is True
        userinfo = str(document.get("userinfo_endpoint", ""))
        options = takes_basic, tells_issuer, userinfo if is_secure(userinfo) else ""
        return Metadata(authorize, token, keys, *options)

    def _read_keys(self) -> KeySet:
        """Load the provider's keys. Raises KeysUnavailable."""
        try:
            return key_set.of_response(self._fetch("GET", self._known().jwks_uri, {"Accept": JSON}))
        except InvalidKeySet:
            raise KeysUnavailable from self._unavailable("keys")
        except ProviderUnavailable:
            raise KeysUnavailable from None

    def _fetch(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> OutboundResponse:
        """Make a request. Only the hosts in OIDC_{NAME}_ISSUER may have private addresses."""
        is_own = urlsplit(url).hostname == urlsplit(self.settings.issuer).hostname
        destinations = ANYWHERE if is_own else PUBLIC
        try:
            response = self._http.fetch(
                Request(method, url, headers, body, TIMEOUT_S, MOST_BYTES, destinations=destinations)
            )
        except OutboundError as error:
            raise self._unavailable(error.kind) from None
        if response.status >= 500:
            raise self._unavailable(f"status_{response.status}")
        return response

    def _unavailable(self, why: str) -> ProviderUnavailable:
        log.warning("login_provider_unavailable provider=%s why=%s", self.settings.name, why)
        return ProviderUnavailable()

    def _refused(self, why: str) -> ProviderLoginRefused:
        log.warning("provider_login_refused provider=%s why=%s", self.settings.name, why)
        return ProviderLoginRefused()


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, or {} for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
