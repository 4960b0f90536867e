"""Errors of sockets and streams, and WebSocket close codes (specification: Credentials; table in docs/realtime.md)."""

from __future__ import annotations

from koyjabo.base.core.errors import KoyJaboError


class BadHandshake(KoyJaboError):
    status = 400
    sentence = "This is not a WebSocket handshake (RFC 6455): Upgrade, Connection or Sec-WebSocket-Key is wrong."


class UnsupportedWebSocket(KoyJaboError):
    code = "upgrade_required"
    status = 426
    sentence = "Sec-WebSocket-Version must be 13."


class NoWebSockets(KoyJaboError):
    """WebSockets are not available, because the application runs under another WSGI server (specification: Python
    names).
    """

    code = "websockets_unavailable"
    status = 501
    sentence = "Plain WebSockets need Koy Jabo Live's own server (python wsgi.py); use Socket.IO at /socket.io/ here."


class NoStreams(KoyJaboError):
    """Streams are not available, because the application runs under another WSGI server (specification:
    Python names).
    """

    code = "streams_unavailable"
    status = 501
    sentence = "Streams need Koy Jabo Live's own server (python wsgi.py); use Socket.IO at /socket.io/ here."


class InvalidMessage(KoyJaboError):
    """A client sent an invalid message on a socket."""

    code = "invalid_message"
    sentence = 'Send one JSON object as text, such as {"type": "ping"} or {"type": "request_count"}.'


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
