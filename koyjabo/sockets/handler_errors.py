"""Handles unexpected errors of Socket.IO handlers: logs the cause and sends the client a general error."""

from __future__ import annotations

import logging
from typing import Any

from flask import request
from flask_socketio import ConnectionRefusedError as Refused

from koyjabo.core.errors import KoyJaboError
from koyjabo.core.extensions import socketio

log = logging.getLogger(__name__)


def failed(error: Exception) -> dict[str, Any]:
    """Return the acknowledgement of a failed handler. A failed `connect` refuses the client. Raises `error` again if
    the client has disconnected, because nothing can be sent to it.
    """
    if not socketio.server.manager.is_connected(request.sid, "/"):  # type: ignore[attr-defined]
        raise error
    event = request.event["message"]  # type: ignore[attr-defined]
    log.error("socketio_failed kind=%s event=%.20r", type(error).__name__, event, exc_info=error)
    if event == "connect":
        raise Refused(KoyJaboError.sentence)
    return {"ok": False, "error": KoyJaboError.sentence, "code": KoyJaboError.code}
