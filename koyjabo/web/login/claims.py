"""Reads JSON Web Tokens (RFC 7519): user, session and expiry."""

import time
from contextlib import suppress
from typing import Any, NamedTuple

import jwt

from koyjabo.base.core.errors import (
    InvalidToken,
    TokenExpired,
)
from koyjabo.base.core.identity import Login, RolesByToken
from koyjabo.base.core.secret_key import spellings

ALGORITHM = "HS256"

ACCESS, REFRESH = "access", "refresh"

CLAIM_LEEWAY_S = 5
"""Tolerated difference between the clocks of two servers, s."""

MAX_SESSION_TOKEN_LENGTH = 4096

REQUIRED_CLAIMS = ["sub", "sid", "jti", "type", "exp"]


class Claims(NamedTuple):
    user_id: str
    session_id: str
    token_id: str
    kind: str
    csrf: str
    """The CSRF token that has to be sent as a header if this token comes in a cookie."""

    expires_s: float  # since 1970
    by_token: RolesByToken | None = None  # of a person from another system, whose token has no session

    @classmethod
    def of_other_system(cls, login: Login) -> "Claims":
        """The claims of a token that `Identities.token_login_of` has verified."""
        return cls(login.account.id, login.session_id, "", ACCESS, "", float("inf"), login.account.by_token)

    @property
    def has_expired(self) -> bool:
        return self.expires_s + CLAIM_LEEWAY_S <= time.time()


class Tokens:
    """Reads tokens, which Flask-JWT-Extended issues."""

    def __init__(self, secret: str) -> None:
        self._secrets = spellings(secret)

    def read(self, text: str, kind: str = ACCESS) -> Claims:
        """Read a token. Raises InvalidToken for a wrong signature or another kind, and TokenExpired."""
        claims = self.read_any(text)
        if claims.kind != kind:
            raise InvalidToken
        if claims.has_expired:
            raise TokenExpired
        return claims

    def read_any(self, text: str) -> Claims:
        """Read a token of either kind, expired or not. Raises InvalidToken."""
        if len(text) > MAX_SESSION_TOKEN_LENGTH:
            raise InvalidToken
        # A clock that was set back must not log anyone out: `iat` may be in the future.
        options: Any = {"require": REQUIRED_CLAIMS, "verify_exp": False, "verify_iat": False}
        for secret in self._secrets:
            with suppress(jwt.PyJWTError, ValueError, TypeError):
                return _claims(jwt.decode(text, secret, [ALGORITHM], options))
        raise InvalidToken


def _claims(claims: dict[str, Any]) -> Claims:
    return Claims(
        user_id=_text(claims, "sub"),
        session_id=_text(claims, "sid"),
        token_id=_text(claims, "jti"),
        kind=_text(claims, "type"),
        csrf=_text(claims, "csrf"),
        expires_s=float(claims["exp"]),
    )


def _text(claims: dict[str, Any], name: str) -> str:
    text = claims.get(name, "")
    if not isinstance(text, str):
        raise InvalidToken
    return text
