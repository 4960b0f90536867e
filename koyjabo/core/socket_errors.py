"""Socket and stream errors; see `koyjabo.core.errors`."""

from __future__ import annotations

from koyjabo.core.errors import KoyJaboError


class BadHandshake(KoyJaboError):
    code = "bad_handshake"
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
