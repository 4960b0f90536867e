"""WebSocket close codes, and the close code for each error (specification: Credentials; table in docs/realtime.md)."""

from __future__ import annotations

from koyjabo.core.errors import KoyJaboError

NORMAL, GOING_AWAY, NOT_SAID, ABUSE, UNEXPECTED, TOO_MANY = 1000, 1001, 1005, 1008, 1011, 1013
NO_CREDENTIALS, INVALID_TOKEN, FORBIDDEN, EXPIRED = 4001, 4002, 4003, 4004

CLEAN_CLOSES = (NORMAL, NOT_SAID)
"""Close codes of clients that left on purpose. After other codes, a client may soon reconnect (specification: promise
4).
"""

CLOSE_CODES = {
    "unauthenticated": NO_CREDENTIALS,
    "invalid_token": INVALID_TOKEN,
    "invalid_key": INVALID_TOKEN,
    "token_expired": EXPIRED,
    "forbidden": FORBIDDEN,
    "account_disabled": FORBIDDEN,
    "unknown_community": FORBIDDEN,
    "unknown_share": FORBIDDEN,
    "share_locked": FORBIDDEN,
    "rate_limited": TOO_MANY,
    "ledger_unavailable": TOO_MANY,
    "keys_unavailable": TOO_MANY,
    "too_many_connections": TOO_MANY,
}


def close_code(error: KoyJaboError) -> int:
    return CLOSE_CODES[error.code]
