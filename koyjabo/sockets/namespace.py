"""What Socket.IO clients may say in the namespace `/` (SPEC: Real time)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import current_app, request
from flask_socketio import disconnect, emit

from koyjabo.events import STATS_ROOM, Error, Pong
from koyjabo.extensions import socketio
from koyjabo.services import Services
from koyjabo.sockets.messages import MOST_ERRORS, unknown, visitor_id

ANYTHING = "*"
errors: Counter[str] = Counter()


def register() -> None:
    """Put our handlers before those that an application has registered, so that its own go first."""
    ours = {"connect": connect, "disconnect": leave, "ping": ping, "request_count": request_count, ANYTHING: anything}
    theirs = {message for message, _, namespace in socketio.handlers if namespace == "/"}
    for message, handler in ours.items():
        if message not in theirs:
            socketio.on_event(message, handler)


def connect(auth: Any = None) -> None:
    """Into the room `stats`; the first event holds what connecting changed."""
    services = _services()
    said = auth.get("visitorId") if isinstance(auth, dict) else None
    place, caller = services.places.locate(request.remote_addr), services.pairing.caller(request.environ)
    services.pulse.start()
    services.pairing.opened(_sid(), caller, visitor_id(said or request.args.get("visitorId")), place)
    services.visits.stats()  # ask: another worker may know more than this one has heard
    if not services.rooms.of(STATS_ROOM).admit(_sid()):
        leave()  # it went while we asked


def leave(reason: str = "") -> None:
    _services().pairing.closed(_sid())
    errors.pop(_sid(), None)


def ping(*_: Any) -> dict[str, Any]:
    pong = Pong(_services().clock.now_ms()).as_object()
    emit("pong", pong)
    return {"ok": True, **pong}


def request_count(*_: Any) -> dict[str, Any]:
    services = _services()
    services.visits.stats()
    return {"ok": True, **services.rooms.of(STATS_ROOM).tell(_sid())}


def anything(event: str, *_: Any) -> dict[str, Any]:
    """An event there is no handler for."""
    error = unknown(event)
    emit("error", Error(str(error), error.code).as_object())
    errors[_sid()] += 1
    if errors[_sid()] >= MOST_ERRORS:
        disconnect()
    return {"ok": False, "error": str(error), "code": error.code}


def _services() -> Services:
    return Services.of(current_app)


def _sid() -> str:
    return request.sid  # type: ignore[attr-defined]
