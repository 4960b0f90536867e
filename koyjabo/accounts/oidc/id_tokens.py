"""Verify ID tokens, and read the user from them (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Any, NamedTuple

import jwt

from koyjabo.core import credential_rules
from koyjabo.jwks.key_set import KINDS
from koyjabo.settings.login_providers import LoginProvider

LEEWAY_S = 30
LONGEST, LONGEST_SUBJECT = 16 * 1024, 255
REQUIRED = ["iss", "sub", "aud", "exp", "iat"]


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


def read(token: str, provider: LoginProvider, nonce: str, find_key: Callable[[str | None, str], Any]) -> ProviderUser:
    """Verify a token. `find_key` returns the key for a key id and an algorithm, or None. Raises InvalidIdToken."""
    if len(token) > LONGEST:
        raise InvalidIdToken("too_long")
    try:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in KINDS or "crit" in header:
            raise InvalidIdToken("algorithm")
        key = find_key(key_id if isinstance(key_id, str) else None, algorithm)
        if key is None:
            raise InvalidIdToken("key")
        options: Any = {"require": REQUIRED}
        claims = jwt.decode(
            token, key, [algorithm], options, audience=provider.client_id, issuer=provider.issuer, leeway=LEEWAY_S
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidIdToken(type(error).__name__) from None
    return _checked(claims, provider, nonce)


def _checked(claims: dict[str, Any], provider: LoginProvider, nonce: str) -> ProviderUser:
    """Check the claims that PyJWT does not check. Raises InvalidIdToken."""
    audience, party = claims["aud"], claims.get("azp")
    if party != provider.client_id and (party is not None or (isinstance(audience, list) and len(audience) > 1)):
        raise InvalidIdToken("azp")
    if not compare_digest(str(claims.get("nonce", "")).encode("utf-8", "surrogatepass"), nonce.encode()):
        raise InvalidIdToken("nonce")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise InvalidIdToken("sub")
    if not (subject.isascii() and subject.isprintable()):
        raise InvalidIdToken("sub")
    return ProviderUser(provider.issuer, subject, claims)
