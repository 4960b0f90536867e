"""Requests to an OpenID provider: read its endpoints (OpenID Connect Discovery 1.0) and keys, and exchange a code for
its user.

Binds one login at a provider to the browser, the provider and, for a connection, the session.

A cookie contains a random string. The server derives the state, the nonce and the PKCE verifier from it with its own
key. So the cookie does not reveal them, and a response is only valid for the same browser and provider.
"""

import base64
import hashlib
import hmac
import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

import jwt

from koyjabo.base.core import credential_rules
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import KeysUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import REF, Login
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.jwks import key_set
from koyjabo.base.jwks.key_set import KINDS, InvalidKeySet, KeySet, PublishedKeys
from koyjabo.base.outbound.client import HttpClient
from koyjabo.base.outbound.messages import ANYWHERE, PUBLIC, OutboundError, OutboundResponse, Request
from koyjabo.base.settings.login_providers import LoginProvider, is_secure
from koyjabo.people.accounts.errors import ProviderLoginRefused, ProviderUnavailable, SecondFactorExpired
from koyjabo.people.accounts.login_sessions import PendingSteps

LOGIN, CONNECTION = "oidc login", "oidc connect"
"""Purposes of pending steps that wait for a provider's response."""

OVER = N_("This login has expired, has already been used, or was started in another browser. Start again.")


class Authorization(NamedTuple):
    """The derived values, each 43 characters long, as required for a PKCE verifier (RFC 7636, 4.1)."""

    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())


class Authorizations:
    """Begins logins and connections, and accepts each response once, within PENDING_S. Raises LedgerUnavailable."""

    def __init__(self, pending: PendingSteps, secret: str) -> None:
        self._pending = pending
        self._secret = secret.encode()

    def begin(self, issuer: str, login: Login | None = None) -> tuple[str, Authorization]:
        """Begin a login. Returns the browser's secret, and the values derived from it. If `login` is given, the
        identity will be connected to that account, in that session.
        """
        browser_secret = secrets.token_urlsafe(32)
        begun = self._derive(browser_secret, issuer, login.session_id if login else "")
        if login is None:
            self._pending.begin(LOGIN, None, token=begun.state)
        else:
            self._pending.begin(CONNECTION, self._pending.user(login), token=begun.state)
        return browser_secret, begun

    def finish(self, browser_secret: str, issuer: str, state: str, session_id: str) -> tuple[Authorization, bool]:
        """Check a response. `session_id` is the browser's session, or "". Also returns whether it is for a connection.

        Raises ProviderLoginRefused for a response that is meant for another browser, provider or session, that is too
        late, or that was used before. Also raises it for a connection if the password has changed since the connection
        was begun.
        """
        for session in {"", session_id}:
            begun = self._derive(browser_secret, issuer, session)
            if hmac.compare_digest(begun.state.encode(), state.encode("utf-8", "surrogatepass")):
                try:
                    pending = self._pending.count_try(state, CONNECTION if session else LOGIN, most=1)
                    if session:
                        self._pending.user_of(pending)
                except SecondFactorExpired:
                    raise ProviderLoginRefused(OVER) from None
                return begun, bool(session)
        raise ProviderLoginRefused(OVER)

    def _derive(self, browser_secret: str, issuer: str, session_id: str) -> Authorization:
        def part(name: str) -> str:
            text = "\n".join(("koyjabo oidc", name, issuer, session_id, browser_secret))
            return _base64url(hmac.digest(self._secret, text.encode("utf-8", "surrogatepass"), "sha256"))

        return Authorization(*map(part, Authorization._fields))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


log = logging.getLogger(__name__)

SCOPES = "openid email profile"
DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_S, MAX_BYTES = 10.0, 64 * 1024
KEPT_MS, AGAIN_MS = 3_600_000, 30_000
"""How long endpoints are cached, and how long to wait after a failed request, ms. While a new request is due or fails,
the last known endpoints are used.
"""

LEEWAY_S = 30
"""How far the clocks of the provider and of this server may differ when an ID token is verified, s."""

LONGEST_TOKEN = 16 * 1024
REQUIRED_CLAIMS = ["iss", "sub", "aud", "exp", "iat"]

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
        self._endpoints()

    def url(self, browser: Authorization, redirect_uri: str) -> str:
        """The URL at the provider where the browser gets a code."""
        endpoint = self._endpoints().authorization_endpoint
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.settings.client_id,
                "redirect_uri": redirect_uri,
                "scope": SCOPES,
                "state": browser.state,
                "nonce": browser.nonce,
                "code_challenge": browser.challenge,
                "code_challenge_method": "S256",
            }
        )
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    def require_issuer(self, issuer: str | None) -> None:
        """Check that a response received through the browser is from this provider (RFC 9700, 4.4). Raises
        ProviderLoginRefused.
        """
        if issuer != self.settings.issuer and (issuer is not None or self._endpoints().tells_issuer):
            raise self._refused("issuer_of_answer")

    def redeem(self, code: str, browser: Authorization, redirect_uri: str) -> "ProviderUser":
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
            user = read_id_token(token, self.settings, browser.nonce, self._keys.find_or_read)
        except KeysUnavailable:
            raise ProviderUnavailable from None
        except InvalidIdToken as error:
            raise self._refused(f"id_token_{error}") from None
        return user if user.email else self._completed(user, str(body.get("access_token", "")))

    def _completed(self, user: "ProviderUser", access_token: str) -> "ProviderUser":
        """The user, with additional claims from the userinfo endpoint, because some providers return them only there
        (OpenID Connect Core 1.0, 5.3 and 5.4). Claims in the ID token have priority, because it is signed.
        """
        endpoint = self._endpoints().userinfo_endpoint
        if not endpoint or not BEARER.fullmatch(access_token):
            return user
        try:
            response = self._fetch("GET", endpoint, {"Accept": JSON, "Authorization": f"Bearer {access_token}"})
        except ProviderUnavailable:
            return user
        claims = _object(response.body) if response.status == 200 else {}
        return user._replace(claims={**claims, **user.claims}) if claims.get("sub") == user.subject else user

    def _ask_for_token(self, fields: dict[str, str]) -> OutboundResponse:
        settings, metadata = self.settings, self._endpoints()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": JSON}
        if metadata.takes_basic:  # RFC 6749, 2.3.1
            pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
        return self._fetch("POST", metadata.token_endpoint, headers, urlencode(fields).encode())

    def _endpoints(self) -> Metadata:
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
            return key_set.of_response(self._fetch("GET", self._endpoints().jwks_uri, {"Accept": JSON}))
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
                Request(method, url, headers, body, TIMEOUT_S, MAX_BYTES, destinations=destinations)
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


class InvalidIdToken(Exception):
    """The token is invalid. The message is a word for the log."""


class ProviderUser(NamedTuple):
    """A user of a provider. `claims` are from the ID token."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]

    @property
    def email(self) -> str | None:
        """The email; None if it is missing or invalid."""
        try:
            return credential_rules.email(str(self.claims.get("email", "")))
        except ValueError:
            return None

    @property
    def is_verified(self) -> bool:
        """Whether the provider has verified that the email is the user's."""
        claim = self.claims.get("email_verified")
        return claim is True or claim == "true"  # some providers send a string

    @property
    def name(self) -> str | None:
        name = self.claims.get("name") or self.claims.get("preferred_username")
        return name if isinstance(name, str) else None

    def has(self, claim_and_value: str) -> bool:
        """Whether a claim has this value, or is a list that contains it, for example `groups:ops`. "" never matches."""
        name, _, expected = claim_and_value.partition(":")
        value = self.claims.get(name)
        return bool(expected) and (value == expected or (isinstance(value, list) and expected in value))


def read_id_token(
    token: str, provider: LoginProvider, nonce: str, find_key: Callable[[str | None, str], Any]
) -> ProviderUser:
    """Verify an ID token, and read the user from it (OpenID Connect Core 1.0, 3.1.3.7). `find_key` returns the key for
    a key id and an algorithm, or None. Raises InvalidIdToken.
    """
    if len(token) > LONGEST_TOKEN:
        raise InvalidIdToken("too_long")
    try:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in KINDS or "crit" in header:
            raise InvalidIdToken("algorithm")
        key = find_key(key_id if isinstance(key_id, str) else None, algorithm)
        if key is None:
            raise InvalidIdToken("key")
        options: Any = {"require": REQUIRED_CLAIMS}
        claims = jwt.decode(
            token, key, [algorithm], options, audience=provider.client_id, issuer=provider.issuer, leeway=LEEWAY_S
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidIdToken(type(error).__name__) from None
    # The claims that PyJWT does not check.
    audience, party = claims["aud"], claims.get("azp")
    if party != provider.client_id and (party is not None or (isinstance(audience, list) and len(audience) > 1)):
        raise InvalidIdToken("azp")
    if not compare_digest(str(claims.get("nonce", "")).encode("utf-8", "surrogatepass"), nonce.encode()):
        raise InvalidIdToken("nonce")
    subject = claims["sub"]
    if not isinstance(subject, str) or not REF.fullmatch(subject):
        raise InvalidIdToken("sub")
    return ProviderUser(provider.issuer, subject, claims)
