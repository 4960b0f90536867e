"""What Socket.IO clients may say in the namespace `/` (SPEC: Real time)."""

from __future__ import annotations

from typing import Any

from flask import current_app, request
from flask_socketio import emit

from koyjabo.events import ABUSE, Error, Pong
from koyjabo.extensions import socketio
from koyjabo.services import Services
from koyjabo.sockets.arrival import tell, welcome
from koyjabo.sockets.messages import MOST_ERRORS, unknown

ANYTHING = "*"
ERRORS = "errors"


def register() -> None:
    """Say what `/` understands. Where an application has a handler of its own already, that one stays."""
    ours = {"connect": connect, "disconnect": leave, "ping": ping, "request_count": request_count, ANYTHING: anything}
    theirs = {message for message, _, namespace in socketio.handlers if namespace == "/"}
    for message, handler in ours.items():
        if message not in theirs:
            socketio.on_event(message, handler)


def connect(auth: Any = None) -> None:
    """Into the room `stats`; the first event holds what connecting changed."""
    services = _services()
    said = auth.get("visitorId") if isinstance(auth, dict) else None
    services.pulse.start()
    if not welcome(services, _sid(), request, said or request.args.get("visitorId")):
        leave()  # it went while we asked


def leave(reason: str = "") -> None:
    _services().pairing.closed(_sid())


def ping(*_: Any) -> dict[str, Any]:
    pong = Pong(_services().clock.now_ms()).as_object()
    emit("pong", pong)
    return {"ok": True, **pong}


def request_count(*_: Any) -> dict[str, Any]:
    return {"ok": True, **tell(_services(), _sid())}


def anything(event: str, *_: Any) -> dict[str, Any]:
    """An event there is no handler for."""
    error = unknown(event)
    emit("error", Error(str(error), error.code).as_object())
    if _count_error() >= MOST_ERRORS:
        _services().rooms.expel(_sid(), ABUSE, "too many messages that are none")
    return {"ok": False, "error": str(error), "code": error.code}


def _count_error() -> int:
    """How many there were. In the client's own session, which goes when it goes, and not when it connects anew."""
    try:
        session = socketio.server.get_session(_sid())
    except KeyError:  # it is gone
        return 0
    session[ERRORS] = session.get(ERRORS, 0) + 1
    return session[ERRORS]


def _services() -> Services:
    return Services.of(current_app)


def _sid() -> str:
    return request.sid  # type: ignore[attr-defined]
