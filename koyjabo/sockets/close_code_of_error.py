"""Maps error codes of the domain to close codes of WebSockets (specification: Credentials)."""

from __future__ import annotations

from koyjabo.core.close_codes import EXPIRED, FORBIDDEN, INVALID_TOKEN, NO_CREDENTIALS, TOO_MANY
from koyjabo.core.errors import KoyJaboError

CLOSE_CODES = {
    "unauthenticated": NO_CREDENTIALS,
    "invalid_token": INVALID_TOKEN,
    "token_expired": EXPIRED,
    "forbidden": FORBIDDEN,
    "account_disabled": FORBIDDEN,
    "unknown_community": FORBIDDEN,
    "rate_limited": TOO_MANY,
    "ledger_unavailable": TOO_MANY,
    "too_many_connections": TOO_MANY,
}


def close_code(error: KoyJaboError) -> int:
    return CLOSE_CODES[error.code]
