"""Verifies another system's tokens (RFC 7519, RFC 8725).

Nothing that a token says about itself is trusted: algorithms, issuer, audience and required claims come from the
settings, and a key is only used with algorithms of its kind (`koyjabo.base.settings.public_keys`).
"""

import json
import logging
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import jwt

from koyjabo.base.core import credential_rules
from koyjabo.base.core.errors import InvalidToken, TokenExpired
from koyjabo.base.core.identity import EXTERNAL_ID, MISTAKE, RolesByToken
from koyjabo.base.settings.public_keys import ALGORITHM_ALIASES
from koyjabo.base.settings.schema import Settings
from koyjabo.base.settings.trusted_issuer import audience_of, claims_of
from koyjabo.communities.roles import COMMUNITY_ROLES

log = logging.getLogger(__name__)

EXTERNAL_LEEWAY_S = 30

ABSENT_CLAIM = object()

MAX_EXTERNAL_TOKEN_LENGTH = 8000
"""Maximum length of a token, characters. A request header may be up to 8 KB long."""

TOKEN_HAS_EXPIRED = "This token has expired. Get a new one where you got this one."

DECODING_OPTIONS: Any = {
    **{"require": ["exp"], "verify_exp": True, "verify_nbf": True},
    **dict.fromkeys(("verify_iat", "verify_sub", "verify_jti"), False),  # nothing depends on them
}


class Reason(StrEnum):
    """Why a token is refused. docs/troubleshooting.md says what to check."""

    TOO_LONG = "it is too long, or not ASCII"
    UNREADABLE = "it cannot be read"
    ALGORITHM = "its algorithm is not allowed"
    HEADER = "its header has a kid or crit that cannot be used"
    UNKNOWN_KEY = "its key is not known"
    SIGNATURE = "its signature is wrong"
    NO_EXPIRY = "it has no exp"
    NO_ISSUER = "it has no iss"
    NO_AUDIENCE = "it has no aud"
    ISSUER = "its iss is not AUTH_ISSUER"
    AUDIENCE = "its aud is not AUTH_AUDIENCE"
    EARLY = "its nbf is in the future"
    TIMES = "its exp or nbf is not a number"
    CLAIM = "a claim is not as AUTH_REQUIRED_CLAIMS says"
    USER = "its user claim is missing, or not a valid userRef"


class Refusal(Exception):
    """A token is refused. `claim` names the required claim for Reason.CLAIM, and nothing is quoted from the token."""

    def __init__(self, reason: Reason, claim: str = "") -> None:
        super().__init__(reason, claim)
        self.reason, self.claim = reason, claim


class SigningKeys(Protocol):
    def find(self, key_id: str | None, algorithm: str) -> Any:
        """The key that verifies a token, or None."""


class SharedSecret:
    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def find(self, key_id: str | None, algorithm: str) -> bytes:
        return self._secret


@dataclass(frozen=True, slots=True)
class TokenRules:
    """The rules for tokens, from the AUTH_… settings; "" for an empty setting."""

    algorithms: Collection[str]
    issuer: str
    audience: str
    required: Mapping[str, str]
    user_claim: str
    name_claim: str
    communities_claim: str


class ExternalClaims(NamedTuple):
    """The person that a token belongs to, and the token's claims about them."""

    ref: str
    name: str | None
    roles: RolesByToken


class TokenVerifier:
    def __init__(self, rules: TokenRules, keys: SigningKeys) -> None:
        self._rules = rules
        self._keys = keys
        self._refusals: set[tuple[Reason, str]] = set()

    def read(self, token: str) -> ExternalClaims:
        """Verify a token, and return the person it belongs to. Logs the first refusal of each kind as a warning. Raises
        InvalidToken, TokenExpired.
        """
        try:
            return self._read(token)
        except Refusal as refusal:
            kind = (refusal.reason, refusal.claim)
            level = logging.DEBUG if kind in self._refusals else logging.WARNING
            self._refusals.add(kind)
            log.log(level, "token_refused why=%r claim=%r", str(refusal.reason), refusal.claim)
            raise InvalidToken from None

    def _read(self, token: str) -> ExternalClaims:
        claims = self._verified(token)
        _require_times(claims)
        for name, value in self._rules.required.items():
            if not _has(_claim(claims, name), value):
                raise Refusal(Reason.CLAIM, name)
        ref = _ref(_claim(claims, self._rules.user_claim))
        return ExternalClaims(ref, _name(_claim(claims, self._rules.name_claim), ref), self._roles(claims))

    def _verified(self, token: str) -> dict[str, Any]:
        rules = self._rules
        if len(token) > MAX_EXTERNAL_TOKEN_LENGTH or not token.isascii():
            raise Refusal(Reason.TOO_LONG)
        options: Any = {**DECODING_OPTIONS, "verify_aud": bool(rules.audience), "verify_iss": bool(rules.issuer)}
        audience, issuer = rules.audience or None, rules.issuer or None
        try:
            algorithm, key_id = self._header(token)
            key = self._keys.find(key_id, ALGORITHM_ALIASES.get(algorithm, algorithm))
            if key is None:
                raise Refusal(Reason.UNKNOWN_KEY)
            return jwt.decode(
                token, key, [algorithm], options, audience=audience, issuer=issuer, leeway=EXTERNAL_LEEWAY_S
            )
        except jwt.ExpiredSignatureError:
            raise TokenExpired(TOKEN_HAS_EXPIRED) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Refusal(_reason_of(error)) from None

    def _header(self, token: str) -> tuple[str, str | None]:
        """The algorithm and the key's id. Raises Refusal, and PyJWT's errors."""
        header: dict[str, Any] = dict(jwt.get_unverified_header(token))
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or ALGORITHM_ALIASES.get(algorithm, algorithm) not in self._rules.algorithms:
            raise Refusal(Reason.ALGORITHM)
        if not isinstance(key_id, str | None) or "crit" in header:
            raise Refusal(Reason.HEADER)
        return algorithm, key_id

    def _roles(self, claims: Mapping[str, Any]) -> RolesByToken:
        """The roles in a token. If the communities claim is present, only that claim counts, even if nothing in it is
        valid.
        """
        claim = _claim(claims, self._rules.communities_claim, ABSENT_CLAIM)
        if claim is ABSENT_CLAIM:
            return RolesByToken(None)
        said = claim if isinstance(claim, dict) else {}
        return RolesByToken(
            tuple((ref, role) for ref, role in said.items() if EXTERNAL_ID.fullmatch(ref) and role in COMMUNITY_ROLES)
        )


def _reason_of(error: Exception) -> Reason:
    """The reason for an error of PyJWT."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return Reason(f"it has no {error.claim}")
    reasons: dict[type[Exception], Reason] = {
        jwt.InvalidSignatureError: Reason.SIGNATURE,
        jwt.InvalidIssuerError: Reason.ISSUER,
        jwt.InvalidAudienceError: Reason.AUDIENCE,
        jwt.ImmatureSignatureError: Reason.EARLY,
    }
    return reasons.get(type(error), Reason.UNREADABLE)


def _claim(claims: Mapping[str, Any], name: str, missing: Any = None) -> Any:
    """The claim with this whole name. Otherwise, the nested claim that its parts between dots lead to."""
    if name in claims:
        return claims[name]
    first, _, rest = name.partition(".")
    inner = claims.get(first)
    return _claim(inner, rest, missing) if rest and isinstance(inner, dict) else missing


def _require_times(claims: Mapping[str, Any]) -> None:
    """Check that times are numbers, because PyJWT also accepts strings. Raises Refusal."""
    for time in (claims["exp"], claims.get("nbf", 0)):
        if isinstance(time, bool) or not isinstance(time, int | float) or not abs(time) <= sys.float_info.max:
            raise Refusal(Reason.TIMES)


def _has(claim: Any, value: str) -> bool:
    """Whether a claim equals this string, or is a list that contains it. Other values are compared as JSON (`true`,
    `1`).
    """
    items = claim if isinstance(claim, list) else [claim]
    return any(value == (item if isinstance(item, str) else json.dumps(item)) for item in items if item is not None)


def _ref(claim: Any) -> str:
    """The external id in a claim. Numbers are accepted, because many systems have no other ids. Raises Refusal."""
    text = str(claim) if isinstance(claim, int) and not isinstance(claim, bool) else claim
    if not isinstance(text, str) or not EXTERNAL_ID.fullmatch(text) or MISTAKE.fullmatch(text):
        raise Refusal(Reason.USER)
    return text


def _name(claim: Any, ref: str) -> str | None:
    return credential_rules.name(claim, ref) if isinstance(claim, str) and claim.strip() else None


def rules_of(settings: Settings) -> TokenRules:
    return TokenRules(
        algorithms=frozenset(settings.token_algorithms),
        issuer=settings.auth_issuer,
        audience=audience_of(settings),
        required=claims_of(settings.auth_required_claims),
        user_claim=settings.auth_user_claim,
        name_claim=settings.auth_name_claim,
        communities_claim=settings.auth_communities_claim,
    )
