"""Close codes of WebSockets (specification: Credentials; table in docs/realtime.md)."""

from .errors import KoyJaboError
from .registry import Registry

NORMAL_CLOSE, GOING_AWAY, NO_CLOSE_CODE, ABUSE, UNEXPECTED_ERROR, TRY_AGAIN_LATER = 1000, 1001, 1005, 1008, 1011, 1013

NO_CREDENTIALS, INVALID_TOKEN, FORBIDDEN, EXPIRED_CREDENTIALS = 4001, 4002, 4003, 4004

CLEAN_CLOSES = (NORMAL_CLOSE, NO_CLOSE_CODE)
"""Close codes of clients that left on purpose. After other codes, a client may soon reconnect (specification: promise
4).
"""

CODES_BY_ERROR = Registry(
    {
        "unauthenticated": NO_CREDENTIALS,
        "invalid_token": INVALID_TOKEN,
        "invalid_key": INVALID_TOKEN,
        "token_expired": EXPIRED_CREDENTIALS,
        "forbidden": FORBIDDEN,
        "account_disabled": FORBIDDEN,
        "unknown_community": FORBIDDEN,
        "rate_limited": TRY_AGAIN_LATER,
        "ledger_unavailable": TRY_AGAIN_LATER,
        "too_many_connections": TRY_AGAIN_LATER,
    }
)
"""Close codes by error code. Features fill in the codes of their errors."""


def close_code(error: KoyJaboError) -> int:
    return CODES_BY_ERROR[error.code]
