"""When a handler of Socket.IO fails: the log says why, and the client that it did."""

from __future__ import annotations

import logging
from typing import Any

from flask import request
from flask_socketio import ConnectionRefusedError as Refused

from koyjabo.errors import KoyJaboError
from koyjabo.extensions import socketio

log = logging.getLogger(__name__)


def failed(error: Exception) -> dict[str, Any]:
    """The acknowledgement. Whoever is connecting is refused; with one who has gone meanwhile anything fails."""
    if not socketio.server.manager.is_connected(request.sid, "/"):  # type: ignore[attr-defined]
        raise error
    event = request.event["message"]  # type: ignore[attr-defined]
    log.error("socketio_failed kind=%s event=%.20r", type(error).__name__, event, exc_info=error)
    if event == "connect":
        raise Refused(KoyJaboError.sentence)
    return {"ok": False, "error": KoyJaboError.sentence, "code": KoyJaboError.code}
